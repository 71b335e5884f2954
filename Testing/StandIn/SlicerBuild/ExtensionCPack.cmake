# Stands for Slicer's SlicerExtensionCPack.cmake: the extension's description, and the archive with the name that the
# extensions server and "Install from file" know.

foreach(_name EXTENSION_REVISION EXTENSION_DATE)
  if("${${_name}}" STREQUAL "")
    message(FATAL_ERROR "${_name} is empty: pass it with -D.")
  endif()
endforeach()

set(_description "${CMAKE_CURRENT_BINARY_DIR}/${PROJECT_NAME}.s4ext")
file(WRITE "${_description}" "scm git
scmurl ${EXTENSION_HOMEPAGE}.git
scmrevision ${EXTENSION_REVISION}
depends ${EXTENSION_DEPENDS}
recommends NA
build_subdirectory .
homepage ${EXTENSION_HOMEPAGE}
contributors ${EXTENSION_CONTRIBUTORS}
category ${EXTENSION_CATEGORY}
iconurl ${EXTENSION_ICONURL}
status Beta
tier 1
description ${EXTENSION_DESCRIPTION}
screenshoturls ${EXTENSION_SCREENSHOTURLS}
enabled 1
")
install(FILES "${_description}" DESTINATION "${Slicer_INSTALL_ROOT}${Slicer_SHARE_DIR}" COMPONENT RuntimeLibraries)

set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY ON)
set(CPACK_GENERATOR "TGZ")
if(Slicer_OS STREQUAL "win")
  set(CPACK_GENERATOR "ZIP")
endif()
string(CONCAT CPACK_PACKAGE_FILE_NAME
  "${Slicer_REVISION}-${Slicer_OS}-${Slicer_ARCHITECTURE}-${PROJECT_NAME}"
  "-git${EXTENSION_REVISION}-${EXTENSION_DATE}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
include(CPack)
