// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of VFIO containers with nested translation (linux/vfio_nested.h), with
 * the DMA and the interrupts of QEMU's "edu" devices as the witness.
 *
 * kselftest_harness.h keeps its lists per object file, hence one object file.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/capability.h>

#include "kselftest_harness.h"

#include "lib/iommufd.h"
#include "lib/pagemap.h"
#include "tests/container_event.h"
#include "tests/container_guest.h"
#include "tests/interrupt.h"

#include "tests/vfio_memory.c"
#include "tests/vfio_memory_own.c"
#include "tests/vfio_info.c"
#include "tests/vfio_bind.c"
#include "tests/vfio_args.c"
#include "tests/stage1.c"
#include "tests/invalidate.c"
#include "tests/invalidate_args.c"
#include "tests/vfio_invalidate.c"
#include "tests/vfio_msi.c"
#include "tests/vfio_event.c"
#include "tests/vfio_groups.c"
#include "tests/vfio_lifetime.c"
#include "tests/vfio_type1.c"
#include "tests/vfio_type1_guest.c"
#include "tests/vfio_stress.c"
#include "tests/shadow.c"
#include "tests/shadow_walk.c"
#include "tests/shadow_memory.c"
#include "tests/shadow_lifetime.c"

TEST_HARNESS_MAIN
