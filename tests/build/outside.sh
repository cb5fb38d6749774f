#!/bin/sh
# outside.sh COMPILER BUILD FOLDER: a program outside the tree finds the installed library, through
# CMake (shared and static) and through pkg-config, links it and runs.
set -eu
compiler=$1 build=$2 folder=$3
prefix=$folder/prefix
rm -rf "$folder"
mkdir -p "$folder"
cmake --install "$build" --prefix "$prefix" >"$folder/install.log"
cp -r examples/outside "$folder/source" # away from the tree: nothing is found by neighbourhood
cd "$folder"

echo "through CMake"
cmake -S source -B cmake -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" >cmake.log
cmake --build cmake >>cmake.log
./cmake/outside_shared
./cmake/outside_static

echo "through pkg-config"
libdir=$(dirname "$(find "$prefix" -name rung.pc)")
PKG_CONFIG_PATH=$libdir${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
pkg-config --print-errors --exists rung
"$compiler" source/main.c $(pkg-config --cflags --libs rung) -o by_pkgconfig
LD_LIBRARY_PATH=$(pkg-config --variable=libdir rung) ./by_pkgconfig
archive=$(pkg-config --variable=libdir rung)/librung.a
"$compiler" source/main.c $(pkg-config --cflags rung) "$archive" \
  $(pkg-config --static --libs rung | sed 's/-lrung//') -o by_pkgconfig_static
./by_pkgconfig_static
