/* SPDX-License-Identifier: GPL-2.0-only */
/* Hosts and guests by way of /dev/iommu. */
#ifndef IOMMU_NESTED_COMMON_H
#define IOMMU_NESTED_COMMON_H

#include "../lib/iommufd.h"
#include "witness.h"

#define NO_NESTING	"IOMMU_VIOMMU_ALLOC: this driver does not nest on this SMMU"

/* A context with @num_edu devices, the @first of the machine and the next. */
static void host_up_nth(struct __test_metadata *_metadata, struct host *host,
			unsigned int first, unsigned int num_edu)
{
	struct iommu_hw_info cmd = { 0 };
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
	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd,
				     &host->info));
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

static void host_make_s2(struct __test_metadata *_metadata, struct host *host)
{
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					IOMMU_HWPT_ALLOC_NEST_PARENT,
					&host->s2));
}

/* A vIOMMU on the host's stage 2, with @edu in it under the name @vsid. */
static void vm_up(struct __test_metadata *_metadata, struct host *host,
		  struct vm *vm, struct edu *edu, __u32 vsid)
{
	int rc;

	memset(vm, 0, sizeof(*vm));
	vm->host = host;
	vm->edu = edu;
	vm->vsid = vsid;
	rc = iommufd_viommu_alloc(host->fd, edu->dev, host->s2,
				  IOMMU_VIOMMU_TYPE_ARM_SMMUV3, &vm->viommu);
	if (rc == -EOPNOTSUPP && !nesting_promised())
		SKIP(return, NO_NESTING);
	ASSERT_EQ(0, rc);
	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu, edu->dev, vsid,
					   &vm->vdevice));

	vm_make_tables(_metadata, vm);
	ste_s1(vm->ste, guest_gpa(&host->ram, vm->cd), 0);
	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(host->fd, edu->dev, vm->viommu,
					    vm->ste, &vm->hwpt));
}

static int vm_attach(struct vm *vm)
{
	return edu_attach(vm->edu, vm->hwpt);
}

static int vm_forget(struct vm *vm)
{
	return iommufd_destroy(vm->host->fd, vm->vdevice);
}

static int vm_invalidate_n(struct vm *vm, const struct smmu_cmd *cmds,
			   __u32 num, __u32 *done)
{
	*done = num;
	return iommufd_invalidate(vm->host->fd, vm->viommu, cmds, done);
}

static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm)
{
	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, host);
	vm_up(_metadata, host, vm, &host->edu[0], 0x1234);
}

#endif
