"""The command line: one command from its words to its exit code; `parser` has the flags."""

import argparse
import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence

from ablate.runner.interrupts import INTERRUPTED, USAGE, Interrupted, Stop, listen

DONE, IN_USE = 0, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit code. From its first line on, signals ask to stop, to the end of the process."""
    stop = listen()
    search_rarely_for_cycles()
    # XLA says as an error that tuning flags of its own cache entries are no features of this machine, and loads them
    # all the same (https://github.com/openxla/xla/issues/44565). Real errors reach Python as exceptions. JAX asks for
    # its own level when it is first imported, which is too late here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows ? for a box or a minus sign
    arguments, overrides = _split(list(sys.argv[1:] if argv is None else argv))
    from ablate.cli.parser import parser_of_commands

    parser = parser_of_commands()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return USAGE
    if overrides and getattr(options, "config", None) is None:
        parser.error(f"--config.{overrides[0][0]}: this command takes no config, or none was named")
    options.overrides = overrides
    options.command_line = "ablate " + " ".join(_quoted(sys.argv[1:] if argv is None else argv))
    return _guarded(options, stop)


def search_rarely_for_cycles() -> None:
    """Loading JAX makes so many objects that Python's searches among them take a tenth of a short study's time."""
    gc.set_threshold(200_000, 10, 10)


def _guarded(options: argparse.Namespace, stop: Stop) -> int:
    """Errors of the user's making become one line each on stderr, never a traceback."""
    from ablate.results.files import StorageError
    from ablate.results.store import InUseError
    from ablate.study.problems import ConfigError

    try:
        stop.check()
        return options.command(options, stop)
    except ConfigError as error:
        for problem in error.problems:
            print(f"ablate: {problem}", file=sys.stderr)
        return USAGE
    except InUseError as error:
        print(f"ablate: {error}", file=sys.stderr)
        return IN_USE
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Interrupted, KeyboardInterrupt) as error:
        why = f" ({error})" if str(error) else ""
        print(f"ablate: interrupted{why}; the same command continues", file=sys.stderr)
        return INTERRUPTED
    except StorageError as error:
        print(f"ablate: {error}{'; the same command continues' if error.passes else ''}", file=sys.stderr)
        return INTERRUPTED if error.passes else USAGE
    except OSError as error:
        print(f"ablate: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return USAGE


def _split(argv: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Takes `--config.a.b=value` (or `--config.a.b value`) out; argparse reads the rest."""
    rest: list[str] = []
    overrides: list[tuple[str, str]] = []
    words = iter(argv)
    for word in words:
        if word.startswith("--config."):
            key, equals, value = word.removeprefix("--config.").partition("=")
            overrides.append((key, value if equals else next(words, "")))
        else:
            rest.append(word)
    return rest, overrides


def _quoted(argv: Sequence[str]) -> list[str]:
    import shlex

    return [shlex.quote(word) for word in argv]


if __name__ == "__main__":
    sys.exit(main())
