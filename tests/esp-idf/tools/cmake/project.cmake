# What ESP-IDF's does for a project of one component, without linking: the image is tests/example's.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER_WORKS TRUE)
set(CMAKE_C_FLAGS "-Wall -fdiagnostics-color=always")

function(idf_component_register)
    cmake_parse_arguments(component "" "INCLUDE_DIRS" "SRCS" ${ARGN})
    add_library(main OBJECT ${component_SRCS})
    target_include_directories(main PRIVATE ${component_INCLUDE_DIRS})
    add_custom_command(
        OUTPUT example.bin
        COMMAND ${PYTHON} $ENV{IDF_PATH}/tools/elf2image.py ${CMAKE_OBJCOPY} $<TARGET_OBJECTS:main>
                ${CMAKE_BINARY_DIR}
        DEPENDS main $<TARGET_OBJECTS:main>
        COMMENT "Generating binary image from built executable"
        VERBATIM)
    add_custom_target(gen_project_binary ALL DEPENDS example.bin)
endfunction()

macro(project name)
    _project(${name} C)
    add_subdirectory(main)
endmacro()
