// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of an Intel VT-d driver through the public interface of iommufd, with
 * the DMA of QEMU's "edu" devices as the witness.
 *
 * kselftest_harness.h keeps its lists per object file, hence one object file.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/io.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"

#include "lib/pagemap.h"
#include "lib/pci.h"
#include "lib/vtd.h"
#include "tests/first_stage.h"
#include "tests/hwpt_guest.h"
#include "tests/interrupt.h"
#include "tests/units.h"
#include "tests/vtd.h"

#include "tests/host.c"
#include "tests/hwpt.c"
#include "tests/msi.c"
#include "tests/vtd_host.c"
#include "tests/vtd_fault.c"
#include "tests/vtd_nested.c"
#include "tests/vtd_device.c"
#include "tests/vtd_ports.c"
#include "tests/vtd_dirty.c"
#include "tests/vtd_pri.c"
#include "tests/vtd_units.c"
#include "tests/vtd_bridge.c"
#include "tests/pasid.c"
#include "tests/lifetime.c"
#include "tests/stress.c"
#include "tests/vtd_stress.c"
#include "tests/exhaustion.c"
#include "tests/vtd_exhaustion.c"
#include "tests/dma_api.c"
#include "tests/identity.c"

TEST_HARNESS_MAIN
