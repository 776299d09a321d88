"""Ten thousand cells: what follows from an arm is worked out once per arm, whatever the number of seeds."""

from ablate import choice
from ablate.study import cells as cells_module
from ablate.study import programs as programs_module
from ablate.study.programs import programs_of

from .studies import cells, study_of


def counted(monkeypatch, module, name):
    """Counts the calls of a function of a module."""
    real, calls = getattr(module, name), []
    monkeypatch.setattr(module, name, lambda *given: calls.append(name) or real(*given))
    return calls


def many(seeds):
    rates = tuple(choice("sgd", learning_rate=0.1 + k / 100) for k in range(1, 9))
    return study_of({"optimizer": rates}, seeds=seeds)


def test_identity_and_numbers_are_made_once_per_arm(monkeypatch):
    work = {}
    for seeds in (2, 40):
        identities = counted(monkeypatch, cells_module, "_identity")
        joins = counted(monkeypatch, programs_module, "_join")
        numbers = counted(monkeypatch, programs_module, "_numbers_on")
        found = cells(many(seeds))
        (program,) = programs_of(found)
        assert len(program.lanes) == 9 * seeds
        work[seeds] = len(identities), len(joins), len(numbers)
        monkeypatch.undo()
    assert work[2] == work[40]
    assert work[2][0] == 9


def test_cells_of_an_arm_share_its_numbers_and_stand_in_its_order():
    found = cells(many(5))
    (program,) = programs_of(found)
    assert [lane.cell for lane in program.lanes] == list(found)
    by_arm = {}
    for lane in program.lanes:
        by_arm.setdefault(lane.cell.arm.name, []).append(lane)
    for lanes in by_arm.values():
        assert all(lane.hp is lanes[0].hp and lane.init is lanes[0].init for lane in lanes)
        chosen = lanes[0].cell.arm.recipe["optimizer"].arguments
        assert lanes[0].hp["optimizer"][0]["learning_rate"] == chosen["learning_rate"]


def test_neighbours_of_other_arms_are_grouped_as_cell_by_cell():
    """Cells in any order: an arm that comes again joins the program that it joined before."""
    found = cells(
        study_of(
            {"optimizer": (choice("adam", learning_rate=0.01), choice("sgd", learning_rate=0.2)), "norm": "batch"},
            seeds=3,
        )
    )
    by_seed = sorted(found, key=lambda cell: cell.seed)
    homes = [{lane.cell.name: program.id for program in programs_of(order) for lane in program.lanes} for order in
             (found, tuple(by_seed))]  # fmt: skip
    assert homes[0] == homes[1]
