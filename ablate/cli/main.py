"""The command line: flags and exit codes, nothing else."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ablate.runner.interrupts import INTERRUPTED, Interrupted, Stop, listen

EPILOG = """\
examples:
  ablate new mine.py
  ablate run --config=experiments/digits.py
  ablate run --config=experiments/digits.py --config.seeds=12 --config.recipe.norm.name=layer
  ablate plan --config=experiments/digits.py --config.design=factorial
  ablate status results/digits
  ablate confirm results/digits
  ablate report results/before results/after --versions
  ablate report results/digits --to=wandb
  ablate predict results/digits --arm=baseline
  ablate variance --config=experiments/digits.py --seeds=10
  ablate verdict runs.csv --arm=model --seed=seed --metric=top1 --status=State
  ablate tricks loss.focal

exit codes: 0 all done; 1 finished, some cells failed; 2 usage, config, or a folder that cannot be written to;
3 the directory is in use; 75 interrupted (a signal, a full disk), the same command continues
"""
RUNS = """\
Seeds are paired where every arm shares two of them with the baseline, and half of its own or of the baseline's,
whichever are fewer. A run without a finite number, or of status diverged, counts as diverged: the worst outcome. One of
any other status than finished, done, completed, success, ok and the like counts as failed, and is left out.
"""
DONE, USAGE, IN_USE = 0, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit code. From its first line on, signals ask to stop, to the end of the process."""
    stop = listen()
    # XLA says as an error that tuning flags of its own cache entries are no features of this machine, and loads them
    # all the same (https://github.com/openxla/xla/issues/44565). Real errors reach Python as exceptions. JAX asks for
    # its own level when it is first imported, which is too late here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows ? for a box or a minus sign
    arguments, overrides = _split(list(sys.argv[1:] if argv is None else argv))
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return USAGE
    if overrides and getattr(options, "config", None) is None:
        parser.error(f"--config.{overrides[0][0]}: this command takes no config, or none was named")
    options.overrides = overrides
    options.command_line = "ablate " + " ".join(_quoted(sys.argv[1:] if argv is None else argv))
    return _guarded(options, stop)


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


def _parser() -> argparse.ArgumentParser:
    from ablate.cli.commands import (
        check,
        confirm,
        new,
        plan,
        predict,
        probe,
        report,
        run,
        status,
        tricks,
        variance,
        verdict,
    )
    from ablate.trackers import TRACKERS
    from ablate.train.strategy import STRATEGIES
    from ablate.version import version

    parser = argparse.ArgumentParser(
        prog="ablate",
        description="Which training tricks help on your task, by how much, at what cost, and is it real?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version() or 'unknown'}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    text = "write a commented experiment that runs as it stands, to be made your own"
    zero = commands.add_parser("new", help=text, description=_sentence(text))
    zero.add_argument("file", type=_folder, metavar="FILE.py", help="a new file")
    zero.set_defaults(command=new)
    one = _configured(commands, "run", run, "train what is missing, then report; the same command again continues")
    one.add_argument("--workdir", type=_folder, help="where results go (default: results/<experiment>)")
    one.add_argument("--strategy", choices=tuple(STRATEGIES), help="how programs run; chosen if not given")
    one.add_argument("--retry-failed", action="store_true", help="train failed cells again")
    one.add_argument(
        "--until-decided", action="store_true", help="add seeds in stages to the arms that have no verdict yet"
    )
    one.add_argument(
        "--max-seeds", type=int, metavar="N", help="with --until-decided: seeds at the last stage (default: 24)"
    )
    one.add_argument("--measure", action="store_true", help="afterwards time every arm in a program of its own")
    one.add_argument("--tensorboard", action="store_true", help="write curves and hyperparameters for TensorBoard too")
    two = _configured(commands, "plan", plan, "show arms, cells, programs and an estimate; train nothing")
    two.add_argument("--strategy", choices=tuple(STRATEGIES), help="plan for this strategy")
    two.add_argument("--json", action="store_true", help="one JSON object with lists arms, cells, programs")
    two.add_argument("--params", action="store_true", help="list the parameters of every network too")
    text = "what is done, running, failed, diverged, left; works while a run goes on"
    three = commands.add_parser("status", help=text, description=_sentence(text))
    three.add_argument("directory", type=Path, metavar="DIR", help="a directory that `ablate run` wrote")
    three.add_argument("--json", action="store_true", help="one JSON object")
    three.set_defaults(command=status)
    text = "write all reports again from the stored rows, and compare several studies; runs no config"
    again = commands.add_parser("report", help=text, description=_sentence(text))
    again.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="directories that `ablate run` wrote")
    again.add_argument("--out", type=Path, help="where the comparison goes (default: results/comparison)")
    again.add_argument(
        "--versions", action="store_true", help="the two are versions of one study: compare arm with arm, seed by seed"
    )
    again.add_argument("--to", choices=tuple(TRACKERS), help="send cells and verdicts to this tracker, too")
    again.set_defaults(command=report)
    _confirming(commands, confirm)
    text = "what a kept cell predicts for every example, as CSV; trains nothing"
    six = commands.add_parser("predict", help=text, description=_sentence(text))
    six.add_argument("directory", type=Path, metavar="DIR", help="a study that ran with train.keep_weights=True")
    six.add_argument("--arm", required=True, help="name of the arm, as in the report")
    six.add_argument("--seed", type=int, help="seed of the cell (default: the study's first)")
    six.add_argument(
        "--data",
        default="",
        help="NAME, 'NAME(argument=value)', FILE.csv or .npz (default: the study's test examples)",
    )
    six.add_argument(
        "--out", type=_folder, metavar="FILE", help="where the CSV goes, - for stdout (default: DIR/predictions/)"
    )
    six.set_defaults(command=predict)
    _judging(commands, verdict)
    text = "the catalogue: formula, arguments, off value, reference; what choices cost"
    four = commands.add_parser("tricks", help=text, description=_sentence(text))
    four.add_argument("name", nargs="?", metavar="NAME", help="an axis, AXIS.NAME, or any name of a choice")
    four.add_argument(
        "--measure", action="store_true", help="time and memory of a training step with each choice, over a baseline's"
    )
    four.add_argument(
        "--config", metavar="FILE.py[:ARG]", help="with --measure: the experiment whose recipe is the baseline"
    )
    four.add_argument(
        "--out", type=_folder, metavar="FILE", help="with --measure: a CSV to write too; rows of other choices stay"
    )
    four.set_defaults(command=tricks)
    _configured(
        commands, "check", check, "sanity checks per arm: first loss, overfits 64 examples, finite, one compile"
    )
    five = _configured(commands, "probe", probe, "activation and gradient mean and sd by layer before training")
    five.add_argument(
        "--workdir", type=_folder, help="where probe.csv and its figure go (default: results/<experiment>)"
    )
    text = "where the spread comes from: the baseline with one stream of randomness each, and the seeds it takes"
    seven = _configured(commands, "variance", variance, text)
    seven.add_argument("--seeds", type=int, default=10, metavar="N", help="runs per stream (default: %(default)s)")
    seven.add_argument(
        "--workdir", type=_folder, metavar="DIR", help="where results go (default: results/variance_<experiment>)"
    )
    seven.add_argument("--json", action="store_true", help="one JSON object, that of variance.json")
    return parser


def _confirming(commands, command) -> None:
    text = "the winners of a study and its baseline again, on fresh seeds; the same command again continues"
    parser = commands.add_parser("confirm", help=text, description=_sentence(text))
    parser.add_argument("directory", type=Path, metavar="DIR", help="a directory that `ablate run` wrote, to its end")
    parser.add_argument(
        "--arm", action="append", default=[], metavar="NAME", help="an arm instead, better or not; may be repeated"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="fresh seeds (default: as many as the study has)")
    parser.add_argument("--workdir", type=_folder, help="where results go (default: DIR/confirm)")
    parser.add_argument("--retry-failed", action="store_true", help="train failed cells again")
    parser.set_defaults(command=command)


def _judging(commands, command) -> None:
    text = "the whole report for runs that were trained elsewhere, from a CSV with a line per run; trains nothing"
    parser = commands.add_parser("verdict", help=text, description=_sentence(text), epilog=RUNS)
    parser.add_argument("table", type=_folder, metavar="FILE.csv", help="commas, semicolons, tabs or | between entries")
    for name, help_ in {
        "arm": "the column that says what was tried",
        "seed": "the column with the seed, any text or number",
        "metric": "the column with the number that decides",
    }.items():
        parser.add_argument(f"--{name}", required=True, metavar="COLUMN", help=help_)
    parser.add_argument(
        "--status", metavar="COLUMN", help="the column that says how a run ended (default: all finished)"
    )
    parser.add_argument("--baseline", metavar="NAME", help="the arm to compare with (default: baseline)")
    parser.add_argument("--lower-is-better", action="store_true", help="the metric is an error or a loss")
    parser.add_argument("--margin", type=float, help="largest difference that counts as none (default: none declared)")
    parser.add_argument("--alpha", type=float, default=0.05, help="family-wise error rate (default: %(default)s)")
    parser.add_argument("--workdir", type=_folder, metavar="DIR", help="where the report goes; without it, none")
    parser.add_argument("--json", action="store_true", help="one JSON object with a list arms")
    parser.set_defaults(command=command)


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("empty; name a place")
    return Path(text)


def _configured(commands, name: str, command, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text,
        description=_sentence(text),
        epilog="Any key can be set behind the file: --config.train.steps=100 --config.recipe.norm.name=group",
    )
    parser.add_argument(
        "--config",
        required=True,
        action=_Once,
        metavar="FILE.py[:ARG]",
        help="an experiment: a file with get_config([arg])",
    )
    parser.set_defaults(command=command)
    return parser


class _Once(argparse.Action):
    """Of two values nobody would know which one counts."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string}: given twice; leave one out")
        setattr(namespace, self.dest, values)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.exit(main())
