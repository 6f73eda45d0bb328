/* SPDX-License-Identifier: GPL-2.0-only */
/* The bench on an SMMUv3: a guest with a vIOMMU, whose device is translating. */
#ifndef IOMMU_NESTED_BENCH_SMMUV3_H
#define IOMMU_NESTED_BENCH_SMMUV3_H

#include "bench.h"
#include "../lib/smmuv3.h"
#include "../lib/smmuv3_ioctl.h"
#include "../lib/smmuv3_tables.h"

#define BENCH_VSID		0x1234
#define BENCH_IOVA		0x1234567000ULL
#define BENCH_ASID		0x77
#define BENCH_MAX_COMMANDS	4096

struct bench_own {
	struct iommu_hw_info_arm_smmuv3 info;
	__u32 s2, viommu, vdevice;
	__u64 ste[2];			/* of BENCH_START */
	__u32 veventq;
	int veventq_fd;
	struct smmu_cmd cmds[BENCH_MAX_COMMANDS];
};

/** bench_contend() - many threads, each with a guest of its own */
void bench_contend(unsigned int milliseconds);

#endif
