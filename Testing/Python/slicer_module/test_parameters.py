"""Parameters in the scene: exact round trips, and a scene from elsewhere never stops the module."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PatchICLSegmentLib.Parameters import ParameterNode, Parameters


def anyParameters():
    strategies = {}
    for description in fields(Parameters):
        metadata = description.metadata
        if "choices" in metadata:
            strategies[description.name] = st.sampled_from(metadata["choices"])
        elif isinstance(description.default, bool):
            strategies[description.name] = st.booleans()
        elif isinstance(description.default, int):
            strategies[description.name] = st.integers(metadata["minimum"], metadata["maximum"])
        elif isinstance(description.default, float):
            strategies[description.name] = st.floats(metadata["minimum"], metadata["maximum"])
        else:
            strategies[description.name] = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    return st.builds(Parameters, **strategies)


@given(parameters=anyParameters())
def testParametersComeBack(parameters):
    import slicer

    node = ParameterNode(slicer.vtkMRMLScriptedModuleNode())
    node.write(parameters)
    assert node.read() == parameters


def testOneNodePerScene(scene):
    first = ParameterNode.ofScene(scene)
    assert ParameterNode.ofScene(scene).node is first.node
    assert first.read() == Parameters()


def testUnusableValueIsReset(scene, caplog):
    parameterNode = ParameterNode.ofScene(scene)
    for name, text in (("seed", "many"), ("device", "abacus"), ("usePrior", "perhaps"), ("entropyOpacity", "7")):
        parameterNode.node.SetParameter(name, text)
    assert parameterNode.read() == Parameters()
    assert len(caplog.records) == 4


def testInvalidParametersAreRefused():
    with pytest.raises(ValueError, match="contextSize is 99"):
        Parameters(contextSize=99)


def testReferencesFollowTheScene(scene):
    parameterNode = ParameterNode.ofScene(scene)
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameterNode.setReference("Volume", volume)
    assert parameterNode.reference("Volume") is volume
    scene.RemoveNode(volume)
    assert parameterNode.reference("Volume") is None
