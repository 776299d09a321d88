"""Arguments of models that make no network are refused where the model is made, in one line that names them."""

from collections.abc import Iterable, Sequence


def one_of(value: str, allowed: Iterable[str], what: str) -> None:
    """Refuses a word that is not one of those allowed.

    Raises:
        ValueError: it begins with `what`, which names model and argument.

    Example:
        >>> one_of("mean", ("fc", "gap"), "vgg: head")
        Traceback (most recent call last):
        ValueError: vgg: head='mean' is not one of 'fc', 'gap'
    """
    if value not in tuple(allowed):
        raise ValueError(f"{what}={value!r} is not one of {', '.join(map(repr, allowed))}")


def some_stage(values: Sequence[int], what: str) -> None:
    """Refuses a network without stages.

    Raises:
        ValueError: there is nothing for a stage; it begins with `what`.
    """
    if not values:
        raise ValueError(f"{what}=() has no stage")


def per_stage(counts: Sequence[int], stages: int, what: str) -> tuple[int, ...]:
    """One number for each stage; a single number stands for all of them.

    Raises:
        ValueError: where there are neither as many as stages nor one; it begins with `what`.

    Example:
        >>> per_stage((2,), 3, "vgg: convs"), per_stage((1, 2), 2, "vgg: convs")
        ((2, 2, 2), (1, 2))
    """
    if len(counts) not in (1, stages):
        raise ValueError(f"{what}={tuple(counts)} must have one number for each of {stages} stages, or a single one")
    return tuple(counts) * (stages if len(counts) == 1 else 1)
