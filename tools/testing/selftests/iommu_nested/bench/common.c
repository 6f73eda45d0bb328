// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/mman.h>

#include "bench.h"

#define RAM_GPA		0x40000000ULL
#define RAM_SIZE	MIB(4)
#define GIANT_SIZE	((size_t)1 << 30)

void bench_need(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fflush(stdout);
	fprintf(stderr, "iommu_bench: %s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

void bench_clock_check(void)
{
	__u64 frequency;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	if (frequency == 1000000000)
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

static void alloc_config(struct bench *bench, unsigned int which,
			 const __u64 ste[2])
{
	bench_need(iommufd_hwpt_alloc_ste(bench->fd, bench->edu.dev,
					  bench->viommu, ste,
					  &bench->config[which]),
		   "IOMMU_HWPT_ALLOC (vSTE)");
}

/* An STE that translates by a stage 1 of its own. */
static void make_stage1(struct bench *bench, __u64 ste[2])
{
	struct s1 s1;
	__u64 *cd;

	bench_need(s1_init(&s1, &bench->ram, 12, 39), "guest tables");
	cd = guest_alloc(&bench->ram, GUEST_PAGE);
	bench_need(cd ? 0 : -ENOMEM, "guest memory");
	cd_write(cd, &s1, BENCH_ASID, IDR5_OAS(bench->info.idr[5]));
	ste_s1(ste, guest_gpa(&bench->ram, cd), 0);
}

static void make_configs(struct bench *bench)
{
	__u64 ste[2];

	make_stage1(bench, bench->ste);
	alloc_config(bench, TRANSLATE, bench->ste);
	make_stage1(bench, ste);
	alloc_config(bench, TRANSLATE_OTHER, ste);
	ste[1] = 0;
	ste[0] = STE0_V | STE0_CONFIG(STE_CONFIG_BYPASS);
	alloc_config(bench, BYPASS, ste);
	ste[0] = STE0_V | STE0_CONFIG(STE_CONFIG_ABORT);
	alloc_config(bench, ABORT, ste);
}

/*
 * The commands of a guest that unmaps a range page by page: no two are for the
 * same page, so none is redundant.
 */
static void make_commands(struct bench *bench)
{
	unsigned int i;

	for (i = 0; i < BENCH_MAX_COMMANDS; i++)
		bench->cmds[i] = smmu_tlbi_va(BENCH_ASID,
					      BENCH_IOVA + i * GUEST_PAGE);
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
	struct iommu_hw_info cmd = { 0 };

	memset(bench, 0, sizeof(*bench));
	bench->fd = iommufd_open();
	bench_need(bench->fd, "/dev/iommu");
	bench_need(edu_open(&bench->edu, nth, bench->fd), "edu device");
	bench_need(iommufd_hw_info(bench->fd, bench->edu.dev, &cmd,
				   &bench->info, sizeof(bench->info)),
		   "IOMMU_GET_HW_INFO");
	bench_need(guest_init(&bench->ram, RAM_SIZE, RAM_GPA), "guest memory");
	bench_need(guest_init(&bench->spare, RAM_SIZE, RAM_GPA + RAM_SIZE),
		   "guest memory");
	scatter(bench->spare.ram, bench->spare.size);
	take_giant(bench);
	bench_need(iommufd_ioas_alloc(bench->fd, &bench->ioas),
		   "IOMMU_IOAS_ALLOC");
	bench_need(iommufd_ioas_map(bench->fd, bench->ioas, bench->ram.ram,
				    RAM_SIZE, RAM_GPA), "IOMMU_IOAS_MAP");
	bench_need(iommufd_hwpt_alloc(bench->fd, bench->edu.dev, bench->ioas,
				      IOMMU_HWPT_ALLOC_NEST_PARENT,
				      &bench->s2),
		   "IOMMU_HWPT_ALLOC (nesting parent)");
	bench_need(iommufd_viommu_alloc(bench->fd, bench->edu.dev, bench->s2,
					IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
					&bench->viommu), "IOMMU_VIOMMU_ALLOC");
	bench_need(iommufd_vdevice_alloc(bench->fd, bench->viommu,
					 bench->edu.dev, BENCH_VSID,
					 &bench->vdevice),
		   "IOMMU_VDEVICE_ALLOC");
	bench_need(iommufd_veventq_alloc(bench->fd, bench->viommu,
					 IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					 &bench->veventq, &bench->veventq_fd),
		   "IOMMU_VEVENTQ_ALLOC");
	make_configs(bench);
	make_commands(bench);
	bench_need(edu_attach(&bench->edu, bench->config[TRANSLATE]), "attach");
}
