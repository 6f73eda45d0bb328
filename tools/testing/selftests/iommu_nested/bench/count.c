// SPDX-License-Identifier: GPL-2.0-only
/* Operations one at a time: what each costs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/compiler.h>

#include "bench.h"

#define MAP_GPA		0x100000000ULL

int bench_attach_from(struct bench *bench, const struct operation *op)
{
	return edu_attach(&bench->edu, bench->config[op->from]);
}

int bench_attach_to(struct bench *bench, const struct operation *op)
{
	return edu_attach(&bench->edu, bench->config[op->to]);
}

static int nothing(struct bench *bench, const struct operation *op)
{
	return 0;
}

static void *memory_of(struct bench *bench, const struct operation *op)
{
	switch (op->memory) {
	case GIANT:
		return bench->giant;
	case BLOCK:
		return bench->spare.ram + bench->spare.size / 2;
	default:
		return bench->spare.ram;
	}
}

static int map(struct bench *bench, const struct operation *op)
{
	return iommufd_ioas_map(bench->fd, bench->ioas, memory_of(bench, op),
				op->size, MAP_GPA);
}

static int unmap(struct bench *bench, const struct operation *op)
{
	return iommufd_ioas_unmap(bench->fd, bench->ioas, MAP_GPA, op->size);
}

static const char *no_block(const struct bench *bench)
{
	return bench->spare.huge ? NULL : "no huge page to be had";
}

static const char *no_giant(const struct bench *bench)
{
	return bench->giant ? NULL :
	       "no page of 1 GiB (hugepagesz=1G hugepages=1)";
}

#define MAP(name_, r, memory_, size_, unable_) \
	{ .name = "map-" name_, .rounds = r, .act = map, .after = unmap, \
	  .memory = memory_, .size = size_, .unable = unable_ }
#define UNMAP(name_, r, memory_, size_, unable_) \
	{ .name = "unmap-" name_, .rounds = r, .before = map, .act = unmap, \
	  .memory = memory_, .size = size_, .unable = unable_ }

static const struct operation operations[] = {
	{ .name = "nothing", .rounds = 1000, .act = nothing },
	MAP("4k", 300, PAGES, GUEST_PAGE, NULL),
	UNMAP("4k", 300, PAGES, GUEST_PAGE, NULL),
	MAP("2m-pages", 20, PAGES, MIB(2), NULL),
	UNMAP("2m-pages", 20, PAGES, MIB(2), NULL),
	MAP("2m-block", 50, BLOCK, MIB(2), no_block),
	UNMAP("2m-block", 50, BLOCK, MIB(2), no_block),
	MAP("1g-block", 5, GIANT, MIB(1024), no_giant),
	UNMAP("1g-block", 5, GIANT, MIB(1024), no_giant),
	{ }
};

/* A function of its own, so that a profiler can count rounds by its calls. */
static noinline int one_round(struct bench *bench, const struct operation *op,
			      __u64 *ns)
{
	__u64 start;
	int rc = 0;

	if (op->before)
		rc = op->before(bench, op);
	if (rc)
		return rc;
	if (op->timed) {
		rc = op->timed(bench, ns);
	} else {
		start = bench_clock();
		rc = op->act(bench, op);
		*ns = bench_clock() - start;
	}
	if (!rc && op->after)
		rc = op->after(bench, op);
	return rc;
}

static void print_result(const char *name, __u64 *samples, unsigned int num)
{
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < num; i++)
		sum += samples[i];
	printf("bench %s rounds=%u sum=%llu median=%llu", name, num, sum,
	       bench_percentile(samples, num, 500));
	printf(" min=%llu max=%llu\n", samples[0], samples[num - 1]);
}

static void measure(struct bench *bench, const struct operation *op)
{
	const char *why = op->unable ? op->unable(bench) : NULL;
	unsigned int warm_up = op->rounds / 10 + 1;
	__u64 *samples, ns;
	unsigned int i;

	if (why) {
		printf("bench %s skip %s\n", op->name, why);
		return;
	}
	bench_need(edu_attach(&bench->edu, bench->config[BENCH_START]),
		   "attach");
	samples = calloc(op->rounds, sizeof(*samples));
	bench_need(samples ? 0 : -ENOMEM, "memory");
	for (i = 0; i < warm_up; i++)
		bench_need(one_round(bench, op, &ns), op->name);
	for (i = 0; i < op->rounds; i++)
		bench_need(one_round(bench, op, &samples[i]), op->name);
	print_result(op->name, samples, op->rounds);
	free(samples);
}

static const struct operation *find_in(const struct operation *op,
				       const char *name)
{
	while (op->name && strcmp(op->name, name))
		op++;
	return op->name ? op : NULL;
}

static void list(const struct operation *op)
{
	for (; op->name; op++)
		fprintf(stderr, "  %s\n", op->name);
}

static const struct operation *find(const char *name)
{
	const struct operation *op = find_in(bench_hardware.operations, name);

	if (!op)
		op = find_in(operations, name);
	if (op)
		return op;
	fprintf(stderr, "iommu_bench: no operation %s; there are\n", name);
	list(bench_hardware.operations);
	list(operations);
	exit(EXIT_FAILURE);
}

static void measure_all(struct bench *bench, const struct operation *op)
{
	for (; op->name; op++)
		measure(bench, op);
}

void bench_count(const char *name)
{
	const struct operation *only = name ? find(name) : NULL;
	static struct bench bench;

	bench_clock_check();
	bench_up(&bench, 0);
	if (only) {
		measure(&bench, only);
		return;
	}
	measure_all(&bench, bench_hardware.operations);
	measure_all(&bench, operations);
}

void bench_loop(const char *name)
{
	const struct operation *op = find(name);
	static struct bench bench;
	__u64 ns;

	bench_up(&bench, 0);
	bench_need(one_round(&bench, op, &ns), op->name);
	fprintf(stderr, "iommu_bench: looping\n");
	for (;;)
		bench_need(one_round(&bench, op, &ns), op->name);
}
