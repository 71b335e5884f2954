"""Made-up pictures of equal structures in a row, each of which must be told from its neighbours by its place alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from PatchICLLib.training.augmentation import IntensityAugmentation
from PatchICLLib.training.image_tasks import Picture, Placing, render_images
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.synthetic import Tissues, paint_labels, smooth_noise
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape
from PatchICLLib.training.whole_slices import bent_picture

_SIDE = 144  # pixels a side of a picture
_ALONE = 0.25  # of the rows are a single structure, which may lie anywhere
_MARKED = 0.75  # of the rows have an end unlike the rest, from which copies can be counted
_BETWEEN, _BESIDE = 0.5, 0.4  # of the rows have something between two copies, and along all of them
_GROUND = 1, 6  # fewest and most compartments of the background, less one


@dataclass(frozen=True)
class Row:
    """Copies of a form along a curve, counted from its marked end, in units of the picture's side.

    Attributes:
        count: copies.
        first, way, curve: centre of the first copy, step from copy to copy, and how much more each further step turns.
        form: half length along the row, half breadth, and the power that makes it round (2) or square (8).
        growth: size of a copy over that of the one before it.
        marked: the row's first member is larger and of another tissue.
        between: half length of what lies between two copies; 0 for nothing.
        beside: how far to the side what runs along all copies lies; 0 for nothing.
        rim: breadth of the copies' edge, of a tissue of its own; 0 for none.
    """

    count: int
    first: np.ndarray
    way: np.ndarray
    curve: float
    form: tuple[float, float, float]
    growth: float
    marked: bool
    between: float
    beside: float
    rim: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Row:
        """Any row that mostly lies within the picture."""
        alone = rng.random() < _ALONE
        count = 1 if alone else int(rng.integers(3, 10))
        angle = rng.uniform(0, 2 * np.pi)
        pitch = float(rng.uniform(0.08, 0.2)) if alone else float(rng.uniform(0.55, 0.85)) / count
        way = pitch * np.array([np.cos(angle), np.sin(angle)])
        curve = 0.0 if alone else float(rng.normal(0, 0.6)) / count
        middle = 0.5 + rng.uniform(-0.15, 0.15, 2)
        first = middle - way * (count - 1) / 2
        share = float(rng.uniform(0.5, 0.9))  # of the pitch
        form = share * pitch / 2, pitch / 2 * float(rng.uniform(0.6, 1.8)), float(rng.choice([2.0, 3.0, 8.0]))
        between = 0.8 * (1 - share) * pitch / 2 if rng.random() < _BETWEEN and not alone else 0.0
        beside = form[1] * float(rng.uniform(1.3, 1.9)) if rng.random() < _BESIDE and not alone else 0.0
        rim = float(rng.uniform(0.1, 0.3)) if rng.random() < 0.4 else 0.0
        growth = float(np.exp(rng.normal(0, 0.04)))
        return cls(count, first, way, curve, form, growth, rng.random() < _MARKED and not alone, between, beside, rim)

    def labels(self, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Drawn over compartments (S, S), numbered from 0.

        Returns:
            Labels (S, S): those of the ground, then a number for each member of the row, then one for each edge; and
            the tissue of every label.
        """
        size, grounds = len(ground), int(ground.max()) + 1
        labels = ground.copy()
        y, x = np.ogrid[:size, :size]
        tissues = list(range(grounds))
        members, centres = 2 * self.count + 1, []
        place, way = self.first, self.way
        for _ in range(self.count):
            centres.append((place, way))
            turn = np.array([[np.cos(self.curve), -np.sin(self.curve)], [np.sin(self.curve), np.cos(self.curve)]])
            way = turn @ way * self.growth
            place = place + way

        def draw(place: np.ndarray, way: np.ndarray, half: tuple[float, float], power: float, label: int) -> None:
            along = way / np.linalg.norm(way)
            dy, dx = (y + 0.5) / size - place[0], (x + 0.5) / size - place[1]
            u, v = (dy * along[0] + dx * along[1]) / half[0], (dx * along[0] - dy * along[1]) / half[1]
            distance = np.abs(u) ** power + np.abs(v) ** power
            labels[distance < 1] = label
            if self.rim and label < grounds + self.count:
                labels[(distance < 1) & (distance > (1 - self.rim) ** power)] = label + members

        scale = [self.growth**n for n in range(self.count)]
        for n, (place, way) in enumerate(centres):
            if self.beside:
                side = np.array([-way[1], way[0]]) / np.linalg.norm(way) * self.beside * scale[n]
                half = 0.6 * float(np.linalg.norm(way)), 0.2 * self.form[1]
                draw(place + side, way, half, 8.0, grounds + 2 * self.count)
            if self.between and n:
                half = self.between * scale[n], self.form[1] * scale[n]
                draw(place - way / 2, way, half, 3.0, grounds + self.count + n)
            larger = 1.5 if self.marked and n == 0 else 1.0
            half = self.form[0] * scale[n], larger * self.form[1] * scale[n]
            draw(place, way, half, self.form[2], grounds + n)
        first, copy, gap, tube, rim = range(grounds, grounds + 5)
        kinds = [first if self.marked else copy, *[copy] * (self.count - 1), *[gap] * self.count, tube]
        tissues += kinds + [rim] * members
        return labels, np.array(tissues)


class CopiesTasks:
    """Tasks of one member of a row, in pictures of one patient after the other, of which each shows the row elsewhere.

    Without a marked end the row stays where it is, lest nobody could tell one copy from the next.
    """

    def __init__(self) -> None:
        self.augmentation = IntensityAugmentation()

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: the chosen member is hardly to be seen; draw again.
        """
        row = Row.drawn(rng)
        grounds = int(rng.integers(*_GROUND)) + 1
        chosen = grounds + (
            int(rng.integers(row.count)) if rng.random() < 0.8 else int(rng.integers(2 * row.count + 1))
        )
        look, pictures = None, []
        grid = int(rng.integers(2, 6))
        base = smooth_noise(rng, (_SIDE,) * 2, (grid,) * 2, grounds)
        for _ in range(shape.context + shape.targets):
            ground = (base + smooth_noise(rng, (_SIDE,) * 2, (grid,) * 2, grounds)).argmax(0)
            ground[0, : min(grounds, _SIDE)] = np.arange(grounds)  # all numbers, whatever is seen of them
            labels, tissues = _varied(row, rng).labels(ground)
            if look is None:
                look = Tissues.drawn(rng, int(tissues.max()) + 1)
            seen = Tissues(look.means[tissues], look.deviations[tissues])
            rim = chosen + 2 * row.count + 1
            mask = (labels == chosen) | (labels == rim)
            pictures.append(bent_picture(Picture(paint_labels(rng, labels[None], seen)[0], mask), rng))
        if sum(picture.mask.sum() >= 30 for picture in pictures) < len(pictures) - 1:
            raise Unsuitable
        pitch = float(np.linalg.norm(row.way))
        shift = 0.3 if row.count == 1 or row.marked else 0.25 * pitch
        return render_images(
            pictures, rng, shape, self.augmentation, Placing(shift, 0.1 if shift > 0.1 else 0.02, 0.05)
        )


def _varied(row: Row, rng: np.random.Generator) -> Row:
    """The row of another patient."""
    forms = np.exp(rng.normal(0, 0.08, 2))
    form = row.form[0] * float(min(forms[0], 1.1)), row.form[1] * float(forms[1]), row.form[2]
    curve = row.curve + float(rng.normal(0, 0.15)) / row.count if row.count > 1 else 0.0
    return replace(row, form=form, curve=curve)
