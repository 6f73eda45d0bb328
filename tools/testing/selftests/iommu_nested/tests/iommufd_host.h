/* SPDX-License-Identifier: GPL-2.0-only */
/* Hosts by way of /dev/iommu. */
#ifndef IOMMU_NESTED_IOMMUFD_HOST_H
#define IOMMU_NESTED_IOMMUFD_HOST_H

#include "../lib/iommufd.h"
#include "witness.h"

/* A context with @num_edu devices, the @first of the machine and the next. */
static void host_up_nth(struct __test_metadata *_metadata, struct host *host,
			unsigned int first, unsigned int num_edu)
{
	unsigned int i;
	int rc;

	memset(host, 0, sizeof(*host));
	if (edu_count() < first + num_edu)
		SKIP(return, "%u edu devices are needed, the machine has %u",
		     first + num_edu, edu_count());

	host->fd = iommufd_open();
	ASSERT_LE(0, host->fd);
	for (i = 0; i < num_edu; i++) {
		rc = edu_open(&host->edu[i], first + i, host->fd);
		ASSERT_EQ(0, rc);
		host->num_edu++;
	}
	host_make_ram(_metadata, host);
	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, &host->ioas));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->ram.ram,
				      GUEST_SIZE, GUEST_GPA));
	for (i = 0; i < num_edu; i++) {
		ASSERT_EQ(0, edu_attach(&host->edu[i], host->ioas));
		teach_markers(_metadata, host, &host->edu[i]);
	}
}

static void host_up(struct __test_metadata *_metadata, struct host *host,
		    unsigned int num_edu)
{
	host_up_nth(_metadata, host, 0, num_edu);
}

static void host_down(struct host *host)
{
	unsigned int i;

	for (i = 0; i < host->num_edu; i++)
		edu_close(&host->edu[i]);
	if (host->fd > 0)
		close(host->fd);
	guest_free(&host->ram);
}

#endif
