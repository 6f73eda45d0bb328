/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests with an SMMUv3 by way of /dev/iommu. */
#ifndef IOMMU_NESTED_IOMMUFD_GUEST_H
#define IOMMU_NESTED_IOMMUFD_GUEST_H

#include "iommufd_host.h"
#include "smmuv3_guest.h"

#define NO_GUEST	"IOMMU_VIOMMU_ALLOC: this driver does not nest on this SMMU"

static void read_registers(struct __test_metadata *_metadata, struct host *host)
{
	struct iommu_hw_info cmd = { 0 };

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd,
				     &host->smmu, sizeof(host->smmu)));
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
		SKIP(return, NO_GUEST);
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

static void nest_up_nth(struct __test_metadata *_metadata, struct host *host,
			struct vm *vm, unsigned int nth)
{
	host_up_nth(_metadata, host, nth, 1);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, host);
	vm_up(_metadata, host, vm, &host->edu[0], 0x1234);
}

static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm)
{
	nest_up_nth(_metadata, host, vm, 0);
}

#endif
