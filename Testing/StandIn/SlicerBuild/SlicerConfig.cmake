# Stands for the SlicerConfig.cmake of a build of 3D Slicer, as far as an extension of Python files goes.
#
# Names and folders follow Slicer's CMake/SlicerDirectories.cmake and CMake/UseSlicer.cmake.in. Of the platform only what is
# seen in the archive counts: nothing is compiled.

if(NOT Slicer_VERSION MATCHES "^[0-9]+\\.[0-9]+$")
  message(FATAL_ERROR "Slicer_VERSION must be such as 5.10, but it is '${Slicer_VERSION}'.")
endif()
if(NOT Slicer_OS MATCHES "^(linux|macosx|win)$")
  message(FATAL_ERROR "Slicer_OS must be linux, macosx or win, but it is '${Slicer_OS}'.")
endif()
if(NOT Slicer_ARCHITECTURE MATCHES "^(amd64|arm64)$")
  message(FATAL_ERROR "Slicer_ARCHITECTURE must be amd64 or arm64, but it is '${Slicer_ARCHITECTURE}'.")
endif()
if(NOT Slicer_REVISION MATCHES "^[0-9]+$")
  message(FATAL_ERROR "Slicer_REVISION must be a number (Help > About 3D Slicer shows it), but it is '${Slicer_REVISION}'.")
endif()

set(Slicer_USE_PYTHONQT ON)
set(Slicer_LIB_DIR "lib/Slicer-${Slicer_VERSION}")
set(Slicer_SHARE_DIR "share/Slicer-${Slicer_VERSION}")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "${Slicer_LIB_DIR}/qt-scripted-modules")
# On macOS an extension lies in a folder of its own within the application, which carries the revision.
set(Slicer_INSTALL_ROOT "./")
if(Slicer_OS STREQUAL "macosx")
  set(Slicer_INSTALL_ROOT "Slicer.app/Contents/Extensions-${Slicer_REVISION}/${PROJECT_NAME}/")
endif()
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR "${Slicer_INSTALL_ROOT}${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")

set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/ExtensionGenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/ExtensionCPack.cmake")
