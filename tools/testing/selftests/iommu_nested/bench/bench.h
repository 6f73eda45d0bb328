/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the modes of iommu_bench share: a device and its memory, ready to run,
 * and the clock. What is different from one hardware to another is in a file of
 * its own, smmuv3.c or vtd.c.
 *
 * Each line on standard output that starts with "bench" is one result; see
 * print_result().
 */
#ifndef IOMMU_NESTED_BENCH_H
#define IOMMU_NESTED_BENCH_H

#include <stdlib.h>
#include <linux/types.h>

#include "../lib/edu.h"
#include "../lib/guest.h"
#include "../lib/iommufd.h"

/* The HWPT that the device is attached to when an operation begins */
#define BENCH_START		0
#define BENCH_MAX_CONFIGS	4

/* What there is for one hardware only */
struct bench_own;

struct bench {
	int fd;
	struct edu edu;
	struct guest ram;		/* mapped in the IOAS */
	struct guest spare;		/* not mapped */
	void *giant;			/* 1 GiB, physically contiguous; or NULL */
	__u32 ioas;
	__u32 config[BENCH_MAX_CONFIGS];	/* HWPTs to attach to */
	struct bench_own *own;
};

/*
 * One kind of operation. What happens before and after each round is not timed;
 * what act() does is, unless the operation takes the time by itself.
 */
struct operation {
	const char *name;
	unsigned int rounds;
	int (*before)(struct bench *bench, const struct operation *op);
	int (*act)(struct bench *bench, const struct operation *op);
	int (*after)(struct bench *bench, const struct operation *op);
	int (*timed)(struct bench *bench, __u64 *ns);
	/* Why it cannot be measured here, or NULL */
	const char *(*unable)(const struct bench *bench);
	unsigned int num;
	unsigned int from, to;		/* of config */
	enum { PAGES, BLOCK, GIANT } memory;
	size_t size;
};

/* From one HWPT to another */
#define BENCH_ATTACH(a, b, name_) \
	{ .name = "attach-" name_, .rounds = 300, .before = bench_attach_from, \
	  .act = bench_attach_to, .from = a, .to = b }

int bench_attach_from(struct bench *bench, const struct operation *op);
int bench_attach_to(struct bench *bench, const struct operation *op);

/**
 * struct bench_hardware - what is different from one hardware to another
 * @operations: its own; the last one has no name
 * @up: makes the HWPTs, for a device that is bound and memory that is mapped
 * @contend: many threads at once, for so many milliseconds; NULL if there is no
 *	such measurement
 */
struct bench_hardware {
	const struct operation *operations;
	void (*up)(struct bench *bench);
	void (*contend)(unsigned int milliseconds);
};

extern const struct bench_hardware bench_hardware;

/** bench_need() - ends the program with a message when @rc is an errno */
void bench_need(int rc, const char *what);

/** bench_up() - the @nth edu device, attached to BENCH_START */
void bench_up(struct bench *bench, unsigned int nth);

/** bench_clock() - nanoseconds; under QEMU's -icount shift=0, instructions */
static inline __u64 bench_clock(void)
{
	__u64 ticks;

	/* Neither earlier nor later than what is around it. */
#ifdef __x86_64__
	__u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) :: "memory");
	ticks = (__u64)high << 32 | low;
#else
	asm volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(ticks) :: "memory");
#endif
	return ticks;
}

/**
 * bench_clock_check() - the counter must tick once a nanosecond
 *
 * With a slower one, single operations could not be told apart. It does on Arm
 * since Armv8.6, and in QEMU's machines where it counts instructions.
 */
void bench_clock_check(void);

/** bench_count() - each operation on its own, or only @name */
void bench_count(const char *name);
/** bench_loop() - one operation for ever, for a profiler to look at */
void bench_loop(const char *name);

/* Sorts; the middle of an even number is the upper one. */
__u64 bench_percentile(__u64 *samples, size_t num, unsigned int permille);

#endif
