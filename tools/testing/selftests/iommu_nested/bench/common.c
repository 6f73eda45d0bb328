// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <linux/mman.h>

#include "bench.h"

#define RAM_GPA		0x40000000ULL
#define RAM_SIZE	MIB(4)
#define GIANT_SIZE	((size_t)1 << 30)
#define NS_PER_S	1000000000ULL

void bench_need(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fflush(stdout);
	fprintf(stderr, "iommu_bench: %s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

#ifdef __x86_64__
/* Nothing says what the frequency is: as the kernel has it, in 20 ms. */
static __u64 clock_frequency(void)
{
	struct timespec begin, end, nap = { .tv_nsec = 20000000 };
	__u64 ticks, ns;

	clock_gettime(CLOCK_MONOTONIC_RAW, &begin);
	ticks = bench_clock();
	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &end);
	ticks = bench_clock() - ticks;
	ns = (end.tv_sec - begin.tv_sec) * NS_PER_S + end.tv_nsec - begin.tv_nsec;
	return ticks * NS_PER_S / ns;
}
#else
static __u64 clock_frequency(void)
{
	__u64 frequency;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	return frequency;
}
#endif

void bench_clock_check(void)
{
	__u64 frequency = clock_frequency();

	/* What is measured is not exact. */
	if (frequency > NS_PER_S / 100 * 99 && frequency < NS_PER_S / 100 * 101)
		return;
	fprintf(stderr, "iommu_bench: the counter has %llu Hz, 1 GHz is needed\n",
		frequency);
	exit(EXIT_FAILURE);
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

__u64 bench_percentile(__u64 *samples, size_t num, unsigned int permille)
{
	size_t at = num * permille / 1000;

	qsort(samples, num, sizeof(*samples), compare);
	return samples[at < num ? at : num - 1];
}

static void take_giant(struct bench *bench)
{
	void *map = mmap(NULL, GIANT_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			 MAP_HUGE_1GB | MAP_POPULATE, -1, 0);

	bench->giant = map == MAP_FAILED ? NULL : map;
}

/*
 * Gets memory for pages in an order in which no neighbours follow each other,
 * so that they are not neighbours physically: how many are depends on what the
 * machine did before, and a run of such is mapped at once.
 */
static void scatter(unsigned char *ram, size_t size)
{
	size_t pages = size / GUEST_PAGE, i;

	for (i = 0; i < pages; i++)
		memset(ram + i * 257 % pages * GUEST_PAGE, 0, GUEST_PAGE);
}

void bench_up(struct bench *bench, unsigned int nth)
{
	memset(bench, 0, sizeof(*bench));
	bench->fd = iommufd_open();
	bench_need(bench->fd, "/dev/iommu");
	bench_need(edu_open(&bench->edu, nth, bench->fd), "edu device");
	bench_need(guest_init(&bench->ram, RAM_SIZE, RAM_GPA), "guest memory");
	bench_need(guest_init(&bench->spare, RAM_SIZE, RAM_GPA + RAM_SIZE),
		   "guest memory");
	scatter(bench->spare.ram, bench->spare.size);
	take_giant(bench);
	bench_need(iommufd_ioas_alloc(bench->fd, &bench->ioas),
		   "IOMMU_IOAS_ALLOC");
	bench_need(iommufd_ioas_map(bench->fd, bench->ioas, bench->ram.ram,
				    RAM_SIZE, RAM_GPA), "IOMMU_IOAS_MAP");
	bench_hardware.up(bench);
	bench_need(edu_attach(&bench->edu, bench->config[BENCH_START]),
		   "attach");
}
