// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what a driver of Intel VT-d makes of firmware's DMAR table, which
 * has to be made for them, on a kernel that leaves the memory WINDOW alone.
 *
 * kselftest_harness.h keeps its lists per object file, hence one object file.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <linux/io.h>

#include "kselftest_harness.h"

#include "lib/pci.h"
#include "tests/iommufd_host.h"
#include "tests/window.h"

#include "tests/vtd_reserved.c"
#include "tests/vtd_scope.c"
#include "tests/vtd_bare.c"

TEST_HARNESS_MAIN
