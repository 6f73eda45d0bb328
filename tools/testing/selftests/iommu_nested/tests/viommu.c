// SPDX-License-Identifier: GPL-2.0-only
/* vIOMMU and vDEVICE objects: what is handed out, what is refused and how. */

FIXTURE(viommu)
{
	struct host host;
};

FIXTURE_SETUP(viommu)
{
	host_up(_metadata, &self->host, 2);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, &self->host);
}

FIXTURE_TEARDOWN(viommu)
{
	host_down(&self->host);
}

static int viommu_alloc(struct host *host, __u32 hwpt, __u32 *viommu)
{
	return iommufd_viommu_alloc(host->fd, host->edu[0].dev, hwpt,
				    IOMMU_VIOMMU_TYPE_ARM_SMMUV3, viommu);
}

/* The driver's module parameter decides, and nothing else does. */
TEST_F(viommu, alloc_follows_nesting_coherency)
{
	__u32 viommu;

	if (access("/sys/module/iommu_nested", F_OK))
		SKIP(return, "another driver than iommu_nested runs the SMMU");
	EXPECT_EQ(nesting_promised() ? 0 : -EOPNOTSUPP,
		  viommu_alloc(&self->host, self->host.s2, &viommu));
}

TEST_F(viommu, unknown_type)
{
	static const __u32 types[] = {
		IOMMU_VIOMMU_TYPE_DEFAULT,
		IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
		0x7fffffff,
	};
	struct host *host = &self->host;
	unsigned int i;
	__u32 viommu;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		EXPECT_EQ(-EOPNOTSUPP,
			  iommufd_viommu_alloc(host->fd, host->edu[0].dev,
					       host->s2, types[i], &viommu)) {
			TH_LOG("vIOMMU type %u", types[i]);
		}
}

FIXTURE(vdevice)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(vdevice)
{
	host_up(_metadata, &self->host, 2);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, &self->host);
	vm_up(_metadata, &self->host, &self->vm, &self->host.edu[0], 0x1234);
}

FIXTURE_TEARDOWN(vdevice)
{
	host_down(&self->host);
}

TEST_F(vdevice, parent_must_nest)
{
	struct host *host = &self->host;
	__u32 hwpt, viommu;

	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					0, &hwpt));
	EXPECT_EQ(-EINVAL, viommu_alloc(host, hwpt, &viommu));
	EXPECT_EQ(-ENOENT, viommu_alloc(host, 0x7ffffff0, &viommu));
}

TEST_F(vdevice, virt_id_is_taken)
{
	struct host *host = &self->host;
	__u32 vdevice;

	EXPECT_EQ(-EEXIST, iommufd_vdevice_alloc(host->fd, self->vm.viommu,
						 host->edu[1].dev,
						 self->vm.vsid, &vdevice));
	EXPECT_EQ(0, iommufd_vdevice_alloc(host->fd, self->vm.viommu,
					   host->edu[1].dev,
					   self->vm.vsid + 1, &vdevice));
}

TEST_F(vdevice, device_is_taken)
{
	struct host *host = &self->host;
	__u32 vdevice, viommu;

	EXPECT_EQ(-EEXIST, iommufd_vdevice_alloc(host->fd, self->vm.viommu,
						 host->edu[0].dev,
						 self->vm.vsid + 1, &vdevice));
	/* In another vIOMMU, too: the device has one place in one guest. */
	ASSERT_EQ(0, viommu_alloc(host, host->s2, &viommu));
	EXPECT_EQ(-EEXIST, iommufd_vdevice_alloc(host->fd, viommu,
						 host->edu[0].dev,
						 self->vm.vsid, &vdevice));
}

TEST_F(vdevice, same_virt_id_in_two_viommus)
{
	struct host *host = &self->host;
	__u32 vdevice, viommu;

	ASSERT_EQ(0, viommu_alloc(host, host->s2, &viommu));
	EXPECT_EQ(0, iommufd_vdevice_alloc(host->fd, viommu, host->edu[1].dev,
					   self->vm.vsid, &vdevice));
}

TEST_F(vdevice, destroy_frees_the_virt_id)
{
	struct host *host = &self->host;
	__u32 vdevice;

	ASSERT_EQ(0, iommufd_destroy(host->fd, self->vm.vdevice));
	EXPECT_EQ(0, iommufd_vdevice_alloc(host->fd, self->vm.viommu,
					   host->edu[0].dev, self->vm.vsid,
					   &vdevice));
}

/* What others stand on stays: each object refuses to go before its users. */
TEST_F(vdevice, destroy_order)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, host->s2));
	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, vm->viommu));
	EXPECT_EQ(0, iommufd_destroy(host->fd, vm->vdevice));
	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, vm->viommu));
	EXPECT_EQ(0, iommufd_destroy(host->fd, vm->hwpt));
	EXPECT_EQ(0, iommufd_destroy(host->fd, vm->viommu));
	EXPECT_EQ(0, iommufd_destroy(host->fd, host->s2));
}
