// SPDX-License-Identifier: GPL-2.0-only
/* What of a guest ends in the wrong order. */

/* The device goes first, as it is: attached, in a vIOMMU, in mid-transfer. */
TEST_F(lifetime, device_closed_while_live)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct smmu_cmd cmd = smmu_cfgi_cd_all(vm->vsid);
	__u32 vdevice, done;

	edu_store_start(vm->edu, IOVA, 0, 8);
	edu_close(vm->edu);
	/* The vSID went with it... */
	EXPECT_EQ(-EIO, vm_invalidate_n(vm, &cmd, 1, &done));
	EXPECT_EQ(0U, done);
	/* ... the TLB of the vIOMMU is still the guest's. */
	vm_invalidate(_metadata, vm, smmu_cmd(CMD_TLBI_NH_ALL));

	ASSERT_EQ(0, edu_open(vm->edu, 0, host->fd));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(-ENOENT, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu, vm->edu->dev,
					   vm->vsid, &vdevice));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* Without its vDEVICE the device goes on, but has no name to be called by. */
TEST_F(lifetime, vdevice_destroyed_while_attached)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct smmu_cmd cmd = smmu_cfgi_cd_all(vm->vsid);
	__u32 done;

	ASSERT_EQ(0, iommufd_destroy(host->fd, vm->vdevice));
	EXPECT_EQ(-EIO, vm_invalidate_n(vm, &cmd, 1, &done));
	vm_map(_metadata, vm, IOVA, PAGE_B);
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu, vm->edu->dev,
					   vm->vsid, &vm->vdevice));
	EXPECT_EQ(0, vm_invalidate_n(vm, &cmd, 1, &done));
}

/* A vEVENTQ that outlives everything it told of. */
TEST_F(lifetime, event_queue_outlives_the_guest)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct pollfd poll_fd = { .events = POLLIN };
	struct vevent event;
	__u32 queue;
	int fd;

	ASSERT_EQ(0, iommufd_veventq_alloc(host->fd, vm->viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					   &queue, &fd));
	fault(_metadata, vm, IOVA + GUEST_PAGE);
	poll_fd.fd = fd;
	ASSERT_EQ(1, poll(&poll_fd, 1, VEVENT_TIMEOUT_MS));
	edu_close(vm->edu);
	close(host->fd);
	host->fd = -1;
	expect_event(_metadata, fd, vm, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0, close(fd));
}
