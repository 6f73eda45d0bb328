// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of an Arm SMMUv3 driver through the public interface of iommufd, with
 * the DMA of QEMU's "edu" devices as the witness.
 *
 * kselftest_harness.h keeps its lists per object file, hence one object file.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/io.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"

#include "lib/pagemap.h"
#include "lib/pci.h"
#include "tests/interrupt.h"
#include "tests/iommufd_guest.h"

#include "tests/host.c"
#include "tests/hwpt.c"
#include "tests/smmuv3_host.c"
#include "tests/identity.c"
#include "tests/viommu.c"
#include "tests/nested.c"
#include "tests/vste.c"
#include "tests/stage1.c"
#include "tests/stage2.c"
#include "tests/isolation.c"
#include "tests/invalidate.c"
#include "tests/invalidate_args.c"
#include "tests/invalidate_ioctl.c"
#include "tests/vevent.c"
#include "tests/msi.c"
#include "tests/smmuv3_msi.c"
#include "tests/pasid.c"
#include "tests/lifetime.c"
#include "tests/lifetime_guest.c"
#include "tests/hostile.c"
#include "tests/stress.c"
#include "tests/stress_guest.c"
#include "tests/exhaustion.c"
#include "tests/exhaustion_guest.c"
#include "tests/dma_api.c"
#include "tests/dma_api_guest.c"

TEST_HARNESS_MAIN
