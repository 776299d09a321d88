"""Which worker gets which unit: the rule of the engine, which a simulation follows too."""

from collections.abc import Collection, Container


def choose_pair(compiled: Collection[str], waiting: Collection[str], taken: Container[str]) -> tuple[str, str]:
    """A free worker, by the program that it has compiled, and the program of the unit that it gets.

    First a worker that has compiled what waits; else the first worker, with a program that no other one trains, or
    with the first of all.

    Args:
        compiled: of the free workers, in their order; empty where one has none.
        waiting: programs of the units that wait, in their order.
        taken: programs that others train.

    >>> choose_pair(["", "b"], ["a", "b"], {"a"})
    ('b', 'b')
    >>> choose_pair(["", "c"], ["a", "b"], {"a"}), choose_pair(["c"], ["a", "b"], {"a", "b"})
    (('', 'b'), ('c', 'a'))
    """
    own = next((program for program in compiled if program in waiting), None)
    if own is not None:
        return own, own
    first = next(iter(waiting))
    return next(iter(compiled)), next((program for program in waiting if program not in taken), first)
