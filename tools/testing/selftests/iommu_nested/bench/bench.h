/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the modes of iommu_bench share: one guest and its device, ready to run,
 * and the clock.
 *
 * Each line on standard output that starts with "bench" is one result; see
 * print_result().
 */
#ifndef IOMMU_NESTED_BENCH_H
#define IOMMU_NESTED_BENCH_H

#include <linux/types.h>

#include "../lib/edu.h"
#include "../lib/guest.h"
#include "../lib/iommufd.h"
#include "../lib/smmuv3.h"
#include "../lib/smmuv3_ioctl.h"
#include "../lib/smmuv3_tables.h"

#define BENCH_VSID		0x1234
#define BENCH_IOVA		0x1234567000ULL
#define BENCH_ASID		0x77
#define BENCH_MAX_COMMANDS	4096

/* The guest's configurations of its device, an HWPT each. */
enum { TRANSLATE, TRANSLATE_OTHER, BYPASS, ABORT, NUM_CONFIGS };

struct bench {
	int fd;
	struct edu edu;
	struct iommu_hw_info_arm_smmuv3 info;
	struct guest ram;		/* mapped in stage 2 */
	struct guest spare;		/* not mapped */
	void *giant;			/* 1 GiB, physically contiguous; or NULL */
	__u32 ioas, s2, viommu, vdevice;
	__u32 config[NUM_CONFIGS];
	__u64 ste[2];			/* of TRANSLATE */
	__u32 veventq;
	int veventq_fd;
	struct smmu_cmd cmds[BENCH_MAX_COMMANDS];
};

/** bench_need() - ends the program with a message when @rc is an errno */
void bench_need(int rc, const char *what);

/** bench_up() - a guest with the @nth edu device, attached to TRANSLATE */
void bench_up(struct bench *bench, unsigned int nth);

/** bench_clock() - nanoseconds; under QEMU's -icount shift=0, instructions */
static inline __u64 bench_clock(void)
{
	__u64 ticks;

	/* Neither earlier nor later than what is around it. */
	asm volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(ticks) :: "memory");
	return ticks;
}

/**
 * bench_clock_check() - the counter must tick once a nanosecond
 *
 * It does since Armv8.6. With a slower one, single operations could not be told
 * apart.
 */
void bench_clock_check(void);

/** bench_count() - each operation on its own, or only @name */
void bench_count(const char *name);
/** bench_loop() - one operation for ever, for a profiler to look at */
void bench_loop(const char *name);
/** bench_contend() - many threads, each with a guest of its own */
void bench_contend(unsigned int milliseconds);

/* Sorts; the middle of an even number is the upper one. */
__u64 bench_percentile(__u64 *samples, size_t num, unsigned int permille);

#endif
