// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of VFIO containers on an Intel VT-d, with the DMA and the interrupts of
 * QEMU's "edu" devices as the witness.
 *
 * kselftest_harness.h keeps its lists per object file, hence one object file.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <linux/capability.h>

#include "kselftest_harness.h"

#include "lib/vtd.h"
#include "tests/container_event.h"
#include "tests/container_host.h"
#include "tests/first_stage.h"
#include "tests/interrupt.h"
#include "tests/units.h"
#include "tests/vtd.h"

#include "tests/vfio_memory.c"
#include "tests/vfio_type1.c"
#include "tests/vtd_pgtbl.c"
#include "tests/vtd_event.c"
#include "tests/vtd_pasid.c"
#include "tests/vtd_units_container.c"
#include "tests/vtd_bridge_container.c"

TEST_HARNESS_MAIN
