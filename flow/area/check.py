"""How well the area model knows each recorded design: fitted with it, and without it."""

from dataclasses import dataclass

from .designs import design
from .expected import FLIP_FLOPS, LUTS
from .model import fit, predict
from .recording import (
    calibration_board,
    flip_flop_sample,
    lut_sample,
    record_features,
    timed_designs,
)
from .records import Records
from .speed import left_out

__all__ = ["DesignCheck", "check_records"]


@dataclass(frozen=True, kw_only=True)
class DesignCheck:
    """A design's recorded counts, and what the model says of them: as it is, and fitted to all
    other designs only.

    ``fmax_error`` : of the clock, as a share, likewise; None where it was not routed.
    """

    name: str
    luts: int
    flip_flops: int
    block_rams: int
    luts_fitted: float
    luts_unseen: float
    flip_flops_unseen: float
    fmax_mhz: float | None
    fmax_error: float | None

    @property
    def error(self) -> float:
        """Of lookup tables, as a share, of a model that has not seen the design."""
        return self.luts_unseen / self.luts - 1


def check_records(records: Records) -> tuple[DesignCheck, ...]:
    """Hold the model against every design of a sweep, which the other designs are fitted to."""
    board = calibration_board(records.family)
    features = [
        record_features(each, design(records.family, each.name), board) for each in records.designs
    ]
    luts = [lut_sample(*pair) for pair in zip(records.designs, features, strict=True)]
    flip_flops = [flip_flop_sample(*pair) for pair in zip(records.designs, features, strict=True)]
    timed = timed_designs(records.family, records.designs)
    clocks = dict(zip(timed, left_out(records.family, list(timed.values())), strict=True))
    found = []
    for k, record in enumerate(records.designs):
        others = fit(luts[:k] + luts[k + 1 :], LUTS[records.family])
        other_flip_flops = fit(flip_flops[:k] + flip_flops[k + 1 :], FLIP_FLOPS)
        found.append(
            DesignCheck(
                name=record.name,
                luts=record.luts,
                flip_flops=record.flip_flops,
                block_rams=record.block_rams,
                luts_fitted=predict(features[k], records.luts),
                luts_unseen=predict(features[k], others),
                flip_flops_unseen=predict(features[k], other_flip_flops),
                fmax_mhz=record.fmax_mhz,
                fmax_error=clocks.get(record.name),
            )
        )
    return tuple(found)
