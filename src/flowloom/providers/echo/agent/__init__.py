r"""Stand in for Claude Code in a terminal: the embedded, scripted agent called echo.

It shows an input box, speaks Claude Code's hook protocol, remembers what it was
told and needs neither login nor network: for a user's first minute and for tests
of faults. `python -I -S echo_agent/__main__.py --session-id UUID --settings FILE`
runs it, `python -I -S echo_agent/__main__.py agents --json` lists the sessions that
live, `… -p` answers one prompt from stdin in JSON. It imports nothing else of
FlowLoom, and little of the library: it starts in under 60 ms.

A line of a prompt that begins with `echo:` is a directive; they run in order:
    say TEXT            answer exactly this (`\n` is a newline)
    big N | silent      answer with N bytes | with an empty message
    work S | hold PATH  stay busy for S seconds | until PATH exists
    ask TOOL DETAIL     ask for a permission: 1 or Enter continues, 2 or Esc interrupts
    fail KIND | die     end by StopFailure | exit 1 without a word
    twice               Stop again 50 ms later, with a longer message
    background S        Stop with a task that runs on and ends S seconds later
    swallow | lag S     the next Enter does nothing | the next receipt comes S late
    freeze PATH         hang, reading and drawing nothing, while PATH exists from then on
    choke PATH          the same, once the next prompt or Ctrl-S has been read and not shown

A `Session` holds the state. Its `Keyboard` turns bytes into `Keys` and those into a `Draft`; a submitted draft
is a `Turn`, whose directives are `Flows` that each `Wait` for something; a `Hook` is a command that a turn runs,
and the `Screen` draws it all.
"""
