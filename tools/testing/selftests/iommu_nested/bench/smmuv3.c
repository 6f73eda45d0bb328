// SPDX-License-Identifier: GPL-2.0-only
/* What a guest's VMM asks for, one at a time: nested translation by an SMMUv3. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "smmuv3.h"

#define NS_PER_MS	1000000ULL
/* What QEMU's edu waits before it does a DMA. */
#define EDU_DELAY_MS	100
#define EVENT_TIMEOUT_MS	2000

/* The guest's configurations of its device. */
enum { TRANSLATE = BENCH_START, TRANSLATE_OTHER, BYPASS, ABORT };

static void alloc_config(struct bench *bench, unsigned int which,
			 const __u64 ste[2])
{
	bench_need(iommufd_hwpt_alloc_ste(bench->fd, bench->edu.dev,
					  bench->own->viommu, ste,
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
	cd_write(cd, &s1, BENCH_ASID, IDR5_OAS(bench->own->info.idr[5]));
	ste_s1(ste, guest_gpa(&bench->ram, cd), 0);
}

static void make_configs(struct bench *bench)
{
	__u64 ste[2];

	make_stage1(bench, bench->own->ste);
	alloc_config(bench, TRANSLATE, bench->own->ste);
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
static void make_commands(struct bench_own *own)
{
	unsigned int i;

	for (i = 0; i < BENCH_MAX_COMMANDS; i++)
		own->cmds[i] = smmu_tlbi_va(BENCH_ASID,
					    BENCH_IOVA + i * GUEST_PAGE);
}

static void up(struct bench *bench)
{
	struct iommu_hw_info cmd = { 0 };
	struct bench_own *own = calloc(1, sizeof(*own));

	bench_need(own ? 0 : -ENOMEM, "memory");
	bench->own = own;
	bench_need(iommufd_hw_info(bench->fd, bench->edu.dev, &cmd, &own->info,
				   sizeof(own->info)), "IOMMU_GET_HW_INFO");
	bench_need(iommufd_hwpt_alloc(bench->fd, bench->edu.dev, bench->ioas,
				      IOMMU_HWPT_ALLOC_NEST_PARENT, &own->s2),
		   "IOMMU_HWPT_ALLOC (nesting parent)");
	bench_need(iommufd_viommu_alloc(bench->fd, bench->edu.dev, own->s2,
					IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
					&own->viommu), "IOMMU_VIOMMU_ALLOC");
	bench_need(iommufd_vdevice_alloc(bench->fd, own->viommu,
					 bench->edu.dev, BENCH_VSID,
					 &own->vdevice),
		   "IOMMU_VDEVICE_ALLOC");
	bench_need(iommufd_veventq_alloc(bench->fd, own->viommu,
					 IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					 &own->veventq, &own->veventq_fd),
		   "IOMMU_VEVENTQ_ALLOC");
	make_configs(bench);
	make_commands(own);
}

/* An empty array does nothing, and a driver may well call that an error. */
static int invalidate(struct bench *bench, const struct operation *op)
{
	struct bench_own *own = bench->own;
	__u32 num = op->num;
	int rc = iommufd_invalidate(bench->fd, own->viommu, own->cmds, &num);

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

	return iommufd_invalidate(bench->fd, bench->own->viommu, &cmd, &num);
}

static int nested_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc_ste(bench->fd, bench->edu.dev, bench->own->viommu,
				    bench->own->ste, &hwpt);
	return rc ? rc : iommufd_destroy(bench->fd, hwpt);
}

static int viommu_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 viommu;
	int rc;

	rc = iommufd_viommu_alloc(bench->fd, bench->edu.dev, bench->own->s2,
				  IOMMU_VIOMMU_TYPE_ARM_SMMUV3, &viommu);
	return rc ? rc : iommufd_destroy(bench->fd, viommu);
}

static const char *no_pasid(const struct bench *bench)
{
	return IDR1_SSIDSIZE(bench->own->info.idr[1]) ? NULL :
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
	struct pollfd ready = { .fd = bench->own->veventq_fd, .events = POLLIN };
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

static const struct operation operations[] = {
	INVALIDATE(0, 2000),
	INVALIDATE(1, 2000),
	INVALIDATE(16, 1000),
	INVALIDATE(64, 500),
	INVALIDATE(256, 300),
	INVALIDATE(4096, 50),
	{ .name = "invalidate-cd", .rounds = 2000, .act = invalidate_cd },
	BENCH_ATTACH(TRANSLATE, BYPASS, "translate-bypass"),
	BENCH_ATTACH(BYPASS, ABORT, "bypass-abort"),
	BENCH_ATTACH(ABORT, TRANSLATE, "abort-translate"),
	BENCH_ATTACH(TRANSLATE, TRANSLATE_OTHER, "translate-other"),
	{ .name = "nested", .rounds = 1000, .act = nested_alloc_free },
	{ .name = "viommu", .rounds = 500, .act = viommu_alloc_free },
	{ .name = "pasid", .rounds = 300, .act = pasid_attach_detach,
	  .unable = no_pasid },
	{ .name = "event", .rounds = 50, .timed = event_delivery },
	{ }
};

const struct bench_hardware bench_hardware = {
	.operations = operations,
	.up = up,
	.contend = bench_contend,
};
