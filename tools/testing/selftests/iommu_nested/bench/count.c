// SPDX-License-Identifier: GPL-2.0-only
/* Operations one at a time: what each costs. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/compiler.h>

#include "bench.h"

#define MAP_GPA		0x100000000ULL
#define NS_PER_MS	1000000ULL
/* What QEMU's edu waits before it does a DMA. */
#define EDU_DELAY_MS	100
#define EVENT_TIMEOUT_MS	2000

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
	unsigned int from, to;		/* configurations */
	enum { PAGES, BLOCK, GIANT } memory;
	size_t size;
};

static int nothing(struct bench *bench, const struct operation *op)
{
	return 0;
}

/* An empty array does nothing, and a driver may well call that an error. */
static int invalidate(struct bench *bench, const struct operation *op)
{
	__u32 num = op->num;
	int rc = iommufd_invalidate(bench->fd, bench->viommu, bench->cmds,
				    &num);

	if (!op->num && rc == -EINVAL)
		return 0;
	if (!rc && num != op->num)
		return -EPROTO;
	return rc;
}

static int invalidate_cd(struct bench *bench, const struct operation *op)
{
	struct smmu_cmd cmd = smmu_cfgi_cd(BENCH_VSID, 0);
	__u32 num = 1;

	return iommufd_invalidate(bench->fd, bench->viommu, &cmd, &num);
}

static int attach_from(struct bench *bench, const struct operation *op)
{
	return edu_attach(&bench->edu, bench->config[op->from]);
}

static int attach_to(struct bench *bench, const struct operation *op)
{
	return edu_attach(&bench->edu, bench->config[op->to]);
}

static int nested_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc_ste(bench->fd, bench->edu.dev, bench->viommu,
				    bench->ste, &hwpt);
	return rc ? rc : iommufd_destroy(bench->fd, hwpt);
}

static int viommu_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 viommu;
	int rc;

	rc = iommufd_viommu_alloc(bench->fd, bench->edu.dev, bench->s2,
				  IOMMU_VIOMMU_TYPE_ARM_SMMUV3, &viommu);
	return rc ? rc : iommufd_destroy(bench->fd, viommu);
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

static const char *no_pasid(const struct bench *bench)
{
	return IDR1_SSIDSIZE(bench->info.idr[1]) ? NULL :
	       "the SMMU has no SubstreamIDs (IDR1.SSIDSIZE is 0)";
}

static int pasid_attach_detach(struct bench *bench, const struct operation *op)
{
	int rc = edu_attach_pasid(&bench->edu, 1, bench->ioas);

	return rc ? rc : edu_detach_pasid(&bench->edu, 1);
}

/*
 * From the fault until the guest's VMM has read the event. The device does
 * its DMA when a timer of whole milliseconds runs out, on the clock that the
 * counter shows: thus the moment of the fault is known to the nanosecond.
 */
static int event_delivery(struct bench *bench, __u64 *ns)
{
	struct {
		struct iommufd_vevent_header header;
		struct iommu_vevent_arm_smmuv3 data;
	} event;
	struct pollfd ready = { .fd = bench->veventq_fd, .events = POLLIN };
	__u64 start, fault;
	ssize_t got = -1;

	/* The command must not come just before the next millisecond. */
	do {
		start = bench_clock();
	} while (start % NS_PER_MS > NS_PER_MS / 2);
	edu_store_start(&bench->edu, BENCH_IOVA, 0, 4);
	fault = (start / NS_PER_MS + EDU_DELAY_MS) * NS_PER_MS;

	if (poll(&ready, 1, EVENT_TIMEOUT_MS) == 1)
		got = read(ready.fd, &event, sizeof(event));
	*ns = bench_clock() - fault;
	if (got != sizeof(event) ||
	    EVT0_TYPE(event.data.evt) != EVT_F_TRANSLATION)
		return -EPROTO;
	return edu_wait(&bench->edu);
}

#define INVALIDATE(n, r) \
	{ .name = "invalidate-" #n, .rounds = r, .act = invalidate, .num = n }
#define ATTACH(a, b, name_) \
	{ .name = "attach-" name_, .rounds = 300, .before = attach_from, \
	  .act = attach_to, .from = a, .to = b }
#define MAP(name_, r, memory_, size_, unable_) \
	{ .name = "map-" name_, .rounds = r, .act = map, .after = unmap, \
	  .memory = memory_, .size = size_, .unable = unable_ }
#define UNMAP(name_, r, memory_, size_, unable_) \
	{ .name = "unmap-" name_, .rounds = r, .before = map, .act = unmap, \
	  .memory = memory_, .size = size_, .unable = unable_ }

static const struct operation operations[] = {
	{ .name = "nothing", .rounds = 1000, .act = nothing },
	INVALIDATE(0, 2000),
	INVALIDATE(1, 2000),
	INVALIDATE(16, 1000),
	INVALIDATE(64, 500),
	INVALIDATE(256, 300),
	INVALIDATE(4096, 50),
	{ .name = "invalidate-cd", .rounds = 2000, .act = invalidate_cd },
	ATTACH(TRANSLATE, BYPASS, "translate-bypass"),
	ATTACH(BYPASS, ABORT, "bypass-abort"),
	ATTACH(ABORT, TRANSLATE, "abort-translate"),
	ATTACH(TRANSLATE, TRANSLATE_OTHER, "translate-other"),
	{ .name = "nested", .rounds = 1000, .act = nested_alloc_free },
	{ .name = "viommu", .rounds = 500, .act = viommu_alloc_free },
	MAP("4k", 300, PAGES, GUEST_PAGE, NULL),
	UNMAP("4k", 300, PAGES, GUEST_PAGE, NULL),
	MAP("2m-pages", 20, PAGES, MIB(2), NULL),
	UNMAP("2m-pages", 20, PAGES, MIB(2), NULL),
	MAP("2m-block", 50, BLOCK, MIB(2), no_block),
	UNMAP("2m-block", 50, BLOCK, MIB(2), no_block),
	MAP("1g-block", 2, GIANT, MIB(1024), no_giant),
	UNMAP("1g-block", 2, GIANT, MIB(1024), no_giant),
	{ .name = "pasid", .rounds = 300, .act = pasid_attach_detach,
	  .unable = no_pasid },
	{ .name = "event", .rounds = 50, .timed = event_delivery },
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
	bench_need(edu_attach(&bench->edu, bench->config[TRANSLATE]), "attach");
	samples = calloc(op->rounds, sizeof(*samples));
	bench_need(samples ? 0 : -ENOMEM, "memory");
	for (i = 0; i < warm_up; i++)
		bench_need(one_round(bench, op, &ns), op->name);
	for (i = 0; i < op->rounds; i++)
		bench_need(one_round(bench, op, &samples[i]), op->name);
	print_result(op->name, samples, op->rounds);
	free(samples);
}

static const struct operation *find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	fprintf(stderr, "iommu_bench: no operation %s; there are\n", name);
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		fprintf(stderr, "  %s\n", operations[i].name);
	exit(EXIT_FAILURE);
}

void bench_count(const char *name)
{
	const struct operation *only = name ? find(name) : NULL;
	static struct bench bench;
	size_t i;

	bench_clock_check();
	bench_up(&bench, 0);
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (!only || only == &operations[i])
			measure(&bench, &operations[i]);
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
