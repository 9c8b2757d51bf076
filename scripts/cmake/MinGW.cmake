# Toolchain file: 64-bit Windows from Debian's g++-mingw-w64-x86-64-posix, what was built runs under Wine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# -posix: the variant whose <thread> and <mutex> work.
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
# The runtimes of GCC and its threads within the .exe, which then needs Windows' own DLLs alone.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

# In the build's own folder for Wine, which scripts/windows.sh makes; /usr/bin/wine would ask for the 32-bit
# half first.
set(CMAKE_CROSSCOMPILING_EMULATOR env WINEPREFIX=${CMAKE_BINARY_DIR}/wine WINEDEBUG=-all
  WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe= /usr/lib/wine/wine64)

# Nothing of the building system is taken by accident: WindowsDependencies.cmake names what may be.
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
