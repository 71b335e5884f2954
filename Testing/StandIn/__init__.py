"""What stands in for the Slicer application where only slicer-core and PySide6 are installed.

`Headless` offers the scene, module logics and offscreen slice views; `Brush` paints with a simulated mouse;
`PythonQt` and `Widgets` let the panel run under PySide6 as it runs under Slicer's PythonQt.
"""
