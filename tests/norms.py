"""The study that is stopped, killed and moved about in tests: two programs, one with batch norm."""

from pathlib import Path

from tests.shell import ablate

TEXT = '''
"""Does batch norm help?"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1)
    cfg.vary.norm = (choice("batch"),)
    cfg.vary.dropout = (choice("spatial", rate=0.3),)
    cfg.train.update(batch_size=32, lanes=2, {train})
    cfg.seeds = {seeds}
    return cfg
'''


def norms(seeds: int, **train: float) -> str:
    """Its config file, with so many seeds and what is to stand in `cfg.train`."""
    return TEXT.format(seeds=seeds, train=", ".join(f"{name}={value}" for name, value in train.items()))


def written(folder: Path, text: str) -> Path:
    """Its config file in a folder."""
    path = folder / "norms.py"
    path.write_text(text)
    return path


def in_one_go(experiment: Path) -> Path:
    """The directory of the study as this machine trains it when nothing happens, beside its config."""
    directory = experiment.parent / "undisturbed"
    done = ablate("run", f"--config={experiment}", f"--workdir={directory}")
    assert done.returncode == 0, done.stderr
    return directory
