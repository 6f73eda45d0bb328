// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains of VT-d, one operation at a time. Nested translation is none of them: no
 * unit of QEMU's can do it.
 */
#include <errno.h>

#include "bench.h"
#include "../lib/pci.h"

enum { TRANSLATE = BENCH_START, TRANSLATE_OTHER };

struct bench_own {
	__u32 empty;			/* an IOAS without memory */
	char unused[16];		/* a device without a driver */
};

/* The second domain has no memory, so that each operation on memory is on one. */
static void up(struct bench *bench)
{
	struct bench_own *own = calloc(1, sizeof(*own));

	bench_need(own ? 0 : -ENOMEM, "memory");
	bench->own = own;
	bench_need(iommufd_ioas_alloc(bench->fd, &own->empty),
		   "IOMMU_IOAS_ALLOC");
	bench_need(iommufd_hwpt_alloc(bench->fd, bench->edu.dev, bench->ioas, 0,
				      &bench->config[TRANSLATE]),
		   "IOMMU_HWPT_ALLOC");
	bench_need(iommufd_hwpt_alloc(bench->fd, bench->edu.dev, own->empty, 0,
				      &bench->config[TRANSLATE_OTHER]),
		   "IOMMU_HWPT_ALLOC");
	bench_need(pci_find(EDU_VENDOR, EDU_DEVICE, 1, own->unused),
		   "another edu device");
	bench_need(pci_unbind(own->unused), "its driver");
}

/* A device that is not attached is blocked. */
static int detach(struct bench *bench, const struct operation *op)
{
	return edu_detach(&bench->edu);
}

static int hwpt_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc(bench->fd, bench->edu.dev, bench->own->empty, 0,
				&hwpt);
	return rc ? rc : iommufd_destroy(bench->fd, hwpt);
}

static int ioas_alloc_free(struct bench *bench, const struct operation *op)
{
	__u32 ioas;
	int rc = iommufd_ioas_alloc(bench->fd, &ioas);

	return rc ? rc : iommufd_destroy(bench->fd, ioas);
}

/* iommufd has no identity; a group's default domain can be one. */
static int to_identity(struct bench *bench, const struct operation *op)
{
	return pci_set_domain_type(bench->own->unused, "identity");
}

static int to_dma(struct bench *bench, const struct operation *op)
{
	return pci_set_domain_type(bench->own->unused, "DMA");
}

static const struct operation operations[] = {
	BENCH_ATTACH(TRANSLATE, TRANSLATE_OTHER, "translate-other"),
	{ .name = "attach-translate-blocked", .rounds = 300,
	  .before = bench_attach_to, .act = detach, .to = TRANSLATE },
	{ .name = "attach-blocked-translate", .rounds = 300, .before = detach,
	  .act = bench_attach_to, .to = TRANSLATE },
	{ .name = "type-dma-identity", .rounds = 100, .before = to_dma,
	  .act = to_identity },
	{ .name = "type-identity-dma", .rounds = 100, .before = to_identity,
	  .act = to_dma },
	{ .name = "hwpt", .rounds = 300, .act = hwpt_alloc_free },
	{ .name = "ioas", .rounds = 300, .act = ioas_alloc_free },
	{ }
};

const struct bench_hardware bench_hardware = {
	.operations = operations,
	.up = up,
};
