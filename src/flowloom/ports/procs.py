"""The port to processes."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios

import flowloom
from flowloom.clock import Deadline, wall_s
from flowloom.errors import FlowLoomError
from flowloom.store import files
from flowloom.store.bell import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

# A Claude Code that is asked to end has ended within 0.4 s.
GRACE_S = 2.0
# A command that waits for several tasks holds about four files for each, and tmux's pipes come on top.
FEWEST_FILES = 64

# How often something outside is looked at while it is waited for.
LOOKED_AGAIN_S = 0.02


def ensure_files() -> None:
    """Be allowed to open as many files as a command needs; the limit is raised where the system lets us.

    Raises:
        FlowLoomError: it does not. Said before anything is sent: a task whose waiter cannot start would be left alone.
    """
    if not 0 <= os.sysconf("SC_OPEN_MAX") < FEWEST_FILES:
        return
    import resource  # noqa: PLC0415 - 0.3 ms of every Ctrl-G, and hardly ever needed

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEWEST_FILES:
        raise FlowLoomError(
            f"only {soft} files may be open at once, and FlowLoom needs {FEWEST_FILES}",
            hint="raise the limit: ulimit -n 1024",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEWEST_FILES, hard))


def alive(pid: int | None) -> bool:
    """Tell whether a process runs; one that has ended and was not collected yet does not."""
    import psutil  # noqa: PLC0415 - 20 ms, and only needed to stop

    if not pid:
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def boot() -> str:
    """Return what names this start of the machine; nothing where the system does not tell."""
    if _has_proc():
        return _text("/proc/sys/kernel/random/boot_id")
    return (output(["sysctl", "-n", "kern.bootsessionuuid"], timeout_s=5.0) or "").strip()


def seen(pid: int) -> tuple[str, str]:
    """Return the state of a process (T stopped, Z ended and not collected) and when it began; empty for none."""
    if _has_proc():
        # The name before it may hold spaces and brackets.
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return (fields[0], fields[19]) if len(fields) > 19 else ("", "")
    import psutil  # noqa: PLC0415 - 20 ms

    try:
        process = psutil.Process(pid)
        state = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}.get(process.status(), "R")
        return state, f"{process.create_time():.2f}"
    except psutil.Error:
        return "", ""


def _has_proc() -> bool:
    return sys.platform == "linux"


def _text(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode(errors="replace").strip()
    except OSError:
        return ""


def ended(pid: int) -> bool:
    """Tell in no time whether a process has ended; where there is no /proc, one that was not collected yet lives."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] == b"Z"
    except ProcessLookupError:
        return True
    except OSError:
        return False


def command(pid: int) -> list[str]:
    """Return the command line of a process; empty where it is gone, or is not ours to look at."""
    import psutil  # noqa: PLC0415 - 20 ms, and not needed on the way to the paste

    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.Error:
        return []


def ancestors() -> list[int]:
    """Return the processes above this one, its parent first; those that can be seen."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return [process.pid for process in psutil.Process().parents()]
    except psutil.Error:
        return []


def bearing(name: str, value: str) -> list[tuple[int, list[str], bool]]:
    """Return the processes that have a variable of this value: number, command line, and whether on a terminal."""
    files.refuse_slow("processes are searched")
    import psutil  # noqa: PLC0415 - as above

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, list(process.cmdline()), process.terminal() is not None))
        except (psutil.Error, OSError):
            continue  # it has ended, or is not ours to look at
    return found


def directory(pid: int) -> str:
    """Return the working directory of a process; empty where it is gone, or is not ours to look at."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return str(psutil.Process(pid).cwd())
    except psutil.Error:
        return ""


def collected(pid: int) -> bool:
    """Tell whether a process has ended and its parent knows how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def young_child(pid: int | None, word: str, *, within_s: float) -> bool:
    """Tell whether a process below this one has `word` in its command line and has run for less than `within_s`."""
    files.refuse_slow("processes are searched")
    import psutil  # noqa: PLC0415 - as above

    if not pid:
        return False
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return False
    for child in family:
        try:
            if any(word in each for each in child.cmdline()) and abs(wall_s() - child.create_time()) < within_s:
                return True
        except psutil.Error:
            continue
    return False


def is_lent(tty: str) -> bool:
    """Tell whether a program has lent its terminal to another one: keys would be lines, Ctrl-C a signal to both."""
    try:
        descriptor = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False  # it is gone, and with it the program that reads it
    try:
        return bool(termios.tcgetattr(descriptor)[3] & (termios.ICANON | termios.ISIG))
    except termios.error:
        return False
    finally:
        os.close(descriptor)


def has_other_reader(tty: str, pid: int) -> bool:
    """Tell whether a process other than this one reads from a terminal; one that may not be looked at counts too.

    An editor shares the process group of the program that started it, and so may that program's own servers,
    which read from a pipe.
    """
    if not _has_proc():
        import psutil  # noqa: PLC0415 - 20 ms

        known = [process.info for process in psutil.process_iter(["pid", "terminal"])]
        return any(each["pid"] != pid and each["terminal"] == tty for each in known)
    try:
        device = os.stat(tty).st_rdev
    except OSError:
        return False
    return any(int(name) != pid and _reads(name, tty, device) for name in os.listdir("/proc") if name.isdigit())


def _reads(pid: str, tty: str, device: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/fd/0") == tty
    except PermissionError:
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return len(fields) > 4 and int(fields[4]) == device
    except OSError:
        return False  # it has ended, or has closed it


def resume(pid: int) -> None:
    """Let a process run that is stopped; one that runs may take it for the end of a suspension."""
    try:
        os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        pass  # its end is seen at the next look; another user's stays as it is


def unread_bytes(tty: str) -> int:
    """Return how much of what was typed into a terminal its program has not read yet; 0 where that is not known."""
    count = array.array("i", [0])
    try:
        descriptor = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        fcntl.ioctl(descriptor, termios.FIONREAD, count)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return count[0]


def await_true(holds: Callable[[], bool], *, timeout_s: float) -> bool:
    """Look again and again until something holds, at most `timeout_s`; tell whether it does."""
    files.refuse_slow("something is waited for")
    deadline = Deadline(timeout_s)
    while not holds():
        if deadline.over():
            return False
        pause(LOOKED_AGAIN_S)
    return True


def await_end(pid: int | None, *, timeout_s: float) -> bool:
    """Block until a process has ended, at most `timeout_s`; tell whether it has.

    tmux leaves the program of a pane that remains as a zombie, on which
    psutil's own wait would never return.
    """
    import psutil  # noqa: PLC0415 - as above

    deadline = Deadline(timeout_s)
    while alive(pid):
        if deadline.over():
            return False
        try:
            psutil.Process(pid).wait(timeout=0.05)
        except (psutil.TimeoutExpired, psutil.NoSuchProcess):
            continue
    return True


def end(pid: int, *, grace_s: float) -> bool:
    """End a process and its children: terminate, wait `grace_s` for all of them, kill. Tell whether they are gone."""
    import psutil  # noqa: PLC0415 - 20 ms, and only needed to stop

    try:
        leader = psutil.Process(pid)
        family = [*leader.children(recursive=True), leader]
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    for verb in ("terminate", "kill"):
        for process in family:
            try:
                getattr(process, verb)()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # it has ended, or became another user's (sudo): whether it is gone is seen next
        deadline = Deadline(grace_s)
        family = [process for process in family if not _gone(process, deadline)]
    return not family


def _gone(process: psutil.Process, deadline: Deadline) -> bool:
    """Block until a process has ended, to the deadline; a later one with its number is not it."""
    import psutil  # noqa: PLC0415 - as above

    while True:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
            if deadline.over():
                return False
            process.wait(timeout=deadline.within_s(0.05))
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def detach(module: str, arguments: Sequence[str], *, keep: Sequence[int] = ()) -> int:
    """Run a module of ours in a process that outlives us and has no terminal; return its pid.

    The descriptors in `keep` are inherited, and with them the locks they hold.
    """
    files.refuse_slow("a program is started")
    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    root = os.path.dirname(os.path.dirname(os.path.abspath(flowloom.__file__)))
    run = (
        "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", run, root, module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=tuple(keep),
    )
    # Not ours to wait for: without this the interpreter complains at exit.
    process.returncode = 0
    return process.pid


def started(pid: int) -> float:
    """Return when a process was started, which tells it from a later one with its pid; 0.0 where there is none."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def end_group(pid: int, *, grace_s: float) -> None:
    """End a group's leader, what it started, and what is left of its group."""
    end(pid, grace_s=grace_s)
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nothing is left; on macOS a group of zombies may not be signalled


def output(command: Sequence[str], *, timeout_s: float, env: dict[str, str] | None = None) -> str | None:
    """Return what a short command prints, None when it fails, hangs or is not there."""
    files.refuse_slow("a program runs")
    try:
        done = subprocess.run(
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, env=env, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def outcome(
    command: Sequence[str], *, timeout_s: float, env: dict[str, str], directory: str
) -> tuple[int | None, str, str]:
    """Return exit code, stdout and stderr of a command that may take a while; no code when it had to be ended."""
    files.refuse_slow("a program runs")
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=env,
            cwd=directory,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace"), (error.stderr or b"").decode(errors="replace")
    except OSError as error:
        return None, "", str(error)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
