"""Widgets with the property SlicerParameterName follow the field of that name in Parameters, both ways."""

from dataclasses import fields, replace

from ..Parameters import Parameters

PROPERTY = "SlicerParameterName"


def updateLayers(logic, name: str) -> None:
    """Shows a parameter that was changed, of those that are about what lies over the views."""
    if name == "previewOpacity" and logic.preview is not None:
        logic.preview.setOpacity(logic.parameters.previewOpacity)
    elif name.startswith("entropy"):
        logic.views.updateEntropy()


class ParameterBinding:
    """Binds widgets by the type of their field: bool to a check box, a choice to the index in a combo box, text to a
    line edit, whole numbers to a spin box or slider, real numbers to a ctkSliderWidget.

    Args:
        widgets: all widgets of the panel.
        logic: has `parameters`.
        changed: called with the name of a field after the user changed it.
    """

    def __init__(self, widgets, logic, changed):
        self._logic = logic
        self._changed = changed
        self._updating = False
        self._fields = {description.name: description for description in fields(Parameters)}
        self.widgets = {}
        for widget in widgets:
            name = widget.property(PROPERTY)
            if name:
                self.widgets[str(name)] = widget
                self._connect(str(name), widget)
        self.updateWidgets()

    def updateWidgets(self) -> None:
        """Shows what the scene says, for example after a scene was loaded."""
        parameters = self._logic.parameters
        self._updating = True
        for name, widget in self.widgets.items():
            self._show(widget, self._fields[name], getattr(parameters, name))
        self._updating = False

    def _connect(self, name: str, widget) -> None:
        description = self._fields[name]
        if "choices" in description.metadata:
            choices = description.metadata["choices"]
            widget.connect("currentIndexChanged(int)", lambda index: self._store(name, choices[index]))
        elif isinstance(description.default, bool):
            widget.connect("toggled(bool)", lambda checked: self._store(name, bool(checked)))
        elif isinstance(description.default, int):
            widget.connect("valueChanged(int)", lambda value: self._store(name, int(value)))
        elif isinstance(description.default, float):
            widget.connect("valueChanged(double)", lambda value: self._store(name, float(value)))
        else:
            widget.connect("editingFinished()", lambda: self._store(name, str(widget.text).strip()))

    @staticmethod
    def _show(widget, description, value) -> None:
        if "choices" in description.metadata:
            widget.setCurrentIndex(description.metadata["choices"].index(value))
        elif isinstance(description.default, bool):
            widget.setChecked(value)
        elif isinstance(description.default, (int, float)):
            widget.setValue(value)
        else:
            widget.setText(value)

    def _store(self, name: str, value) -> None:
        if self._updating or getattr(self._logic.parameters, name) == value:
            return
        self._logic.parameters = replace(self._logic.parameters, **{name: value})
        self._changed(name)
