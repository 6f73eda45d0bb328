/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests with an SMMUv3 by way of a VFIO container. */
#ifndef IOMMU_NESTED_CONTAINER_GUEST_H
#define IOMMU_NESTED_CONTAINER_GUEST_H

#include "container_host.h"
#include "smmuv3_guest.h"

#define VSID		0x1234

/* The StreamID: the root complex passes requester IDs on. */
static __u32 stream_id(struct __test_metadata *_metadata, const struct edu *edu)
{
	unsigned int bus, slot, function;
	int num;

	num = sscanf(edu->bdf, "%*x:%x:%x.%x", &bus, &slot, &function);
	ASSERT_EQ(3, num);
	return bus << 8 | slot << 3 | function;
}

static void read_registers(struct __test_metadata *_metadata, struct host *host)
{
	const struct vfio_nested_info_arm_smmuv3 *cap;
	union info info;

	cap = info_get(_metadata, host->fd, &info,
		       VFIO_NESTED_INFO_CAP_ARM_SMMUV3);
	memcpy(host->smmu.idr, cap->idr, sizeof(host->smmu.idr));
	host->smmu.iidr = cap->iidr;
	host->smmu.aidr = cap->aidr;
}

static void container_up(struct __test_metadata *_metadata, struct host *host,
			 unsigned int num_edu)
{
	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, num_edu);
}

/* What @edu's guest calls @vsid, with a stage 1 that is not bound yet. */
static void guest_up(struct __test_metadata *_metadata, struct host *host,
		     struct vm *vm, struct edu *edu, __u32 vsid)
{
	memset(vm, 0, sizeof(*vm));
	vm->host = host;
	vm->edu = edu;
	vm->vsid = vsid;
	vm_make_tables(_metadata, vm);
}

/* What the model has in a bind. */
static struct vfio_nested_arm_smmuv3_table *
smmu_table(struct vfio_nested_bind_pasid_table *cmd)
{
	return (struct vfio_nested_arm_smmuv3_table *)cmd->data;
}

/* The bind that makes the guest's tables translate; to be changed by tests. */
static struct vfio_nested_bind_pasid_table table_of(const struct vm *vm)
{
	struct vfio_nested_bind_pasid_table cmd = {
		.flags = VFIO_NESTED_BIND_DEVICE_ID,
		.target = device_of(vm->edu),
		.config = VFIO_NESTED_CONFIG_TRANSLATE,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.device_id = vm->vsid,
		.base = guest_gpa(&vm->host->ram, vm->cd),
	};
	*smmu_table(&cmd) = (struct vfio_nested_arm_smmuv3_table){
		.s1cir = SMMU_CACHE_WBRAWA,
		.s1cor = SMMU_CACHE_WBRAWA,
		.s1csh = SMMU_SHARE_INNER,
	};
	return cmd;
}

/* ... and one that does without: bypass, abort. */
static struct vfio_nested_bind_pasid_table no_table(const struct vm *vm,
						    __u32 config)
{
	return (struct vfio_nested_bind_pasid_table){
		.flags = VFIO_NESTED_BIND_DEVICE_ID,
		.target = device_of(vm->edu),
		.config = config,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.device_id = vm->vsid,
	};
}

static int vm_bind(struct vm *vm)
{
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_bind_config(struct vm *vm, __u32 config)
{
	struct vfio_nested_bind_pasid_table cmd = no_table(vm, config);

	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_replace_config(struct vm *vm, __u32 config)
{
	struct vfio_nested_bind_pasid_table cmd = no_table(vm, config);

	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_unbind(struct vm *vm)
{
	return vfio_unbind(vm->host->fd, device_of(vm->edu));
}

static int vm_attach(struct vm *vm)
{
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_forget(struct vm *vm)
{
	return vm_unbind(vm);
}

static int vm_invalidate_n(struct vm *vm, const struct smmu_cmd *cmds,
			   __u32 num, __u32 *done)
{
	*done = num;
	return vfio_invalidate_smmu(vm->host->fd, cmds, done);
}

static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm)
{
	container_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	guest_up(_metadata, host, vm, &host->edu[0], VSID);
}

#endif
