#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints the disk of the emulated machine: 8 MiB, every 8-byte word its own
# offset in little endian.

exec perl -e 'print pack("Q<*", map { $_ * 8 } 0 .. (1 << 20) - 1)'
