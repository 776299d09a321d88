"""The study that is stopped, killed and moved about in tests: two programs, one with batch norm."""

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
