"""What several are asked at once is what each is asked alone."""

from typing import Any

import torch

from PatchICLLib.propagation.subjects.frame import Frame
from PatchICLLib.propagation.subjects.subjects_context import Question, SubjectsContext
from Testing.Miniatures.patients import SPACING, Patient

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def test_questions_are_answered_together_as_one_by_one(small_model) -> None:
    here, others = Patient.of(1), [Patient.of(seed).finished for seed in (2, 3)]
    frame = Frame.own(here.finished)
    device, shown = torch.device("cpu"), [(8, 13, 17), (10, 15)]
    context = SubjectsContext(small_model, device, here.image, SPACING, 128, others, shown, 4, lambda: None)
    look = context.look(frame, here.organ[[10, 13]], [10, 13])
    questions = [Question(13, (10,)), Question(10, (13,)), Question(13, subject=0), Question(13, subject=1)]
    together, window = context.answered(questions, look)
    assert window == frame.region(SPACING[1:]).bounds(here.image.shape[1:])
    for n, question in enumerate(questions):
        alone, _ = context.answered([question], look)
        torch.testing.assert_close(together[n : n + 1], alone, **TOLERANCE)
    for n in (0, 1):
        predicted, _ = context.predicted([questions[n].index], look, questions[n].own)
        torch.testing.assert_close(together[n : n + 1], predicted, **TOLERANCE)
    assert context.subjects == [0, 1] and not torch.allclose(together[2], together[3], **TOLERANCE)
    # one subject by itself is what it says where it is the only one
    only = SubjectsContext(small_model, device, here.image, SPACING, 128, others[1:], shown[1:], 4, lambda: None)
    torch.testing.assert_close(only.predicted([13], look)[0], together[3:], **TOLERANCE)


class _Counting(torch.nn.Module):
    """A model that counts slices it is asked for, and slices of context that it looks at for them, padding included."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model
        self.asked, self.looked_at = 0, 0

    def forward(self, images: torch.Tensor, context: Any, *rest: object) -> object:
        self.asked += len(images)
        self.looked_at += len(images) * context.levels[0].indices.shape[1]
        return self.model(images, context, *rest)

    def encode_context(self, *given: object, **named: object) -> object:
        return self.model.encode_context(*given, **named)


def test_no_question_is_padded_to_the_context_of_another_or_asked_twice(small_model) -> None:
    here, others = Patient.of(1), [Patient.of(seed).finished for seed in (2, 3, 4)]
    shown = [(8, 13), (10, 15), (12, 17)]

    def count(subjects: int) -> tuple[int, int, torch.Tensor]:
        counting = _Counting(small_model)
        of, slices = others[:subjects], shown[:subjects]
        context = SubjectsContext(counting, torch.device("cpu"), here.image, SPACING, 128, of, slices, 24, lambda: None)
        look = context.look(Frame.own(here.finished), here.organ[[13]], [13])
        questions = [Question(13), *(Question(13, subject=n) for n in range(subjects))]
        logits, _ = context.answered(questions, look)
        return counting.asked, counting.looked_at, logits

    assert count(3)[:2] == (4, 6 + 3 * 2)
    asked, looked_at, logits = count(1)  # the only subject is all of them
    assert (asked, looked_at) == (1, 2) and torch.equal(logits[0], logits[1])
