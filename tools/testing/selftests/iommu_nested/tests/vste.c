// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_HWPT_ALLOC of a nested HWPT: the vSTEs and arguments it refuses. */

FIXTURE(vste)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(vste)
{
	nest_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(vste)
{
	host_down(&self->host);
}

static int vste_try(struct vm *vm, __u64 word0, __u64 word1)
{
	__u64 ste[2] = { word0, word1 };
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc_ste(vm->host->fd, vm->edu->dev, vm->viommu, ste,
				    &hwpt);
	if (!rc)
		rc = iommufd_destroy(vm->host->fd, hwpt);
	return rc;
}

TEST_F(vste, config)
{
	struct vm *vm = &self->vm;
	unsigned int config;

	for (config = 0; config < 8; config++) {
		bool ok = config == STE_CONFIG_ABORT ||
			  config == STE_CONFIG_BYPASS || config == STE_CONFIG_S1;
		__u64 word0 = (vm->ste[0] & ~STE0_CONFIG(7)) |
			      STE0_CONFIG(config);

		EXPECT_EQ(ok ? 0 : -EIO, vste_try(vm, word0, vm->ste[1])) {
			TH_LOG("STE.Config %u", config);
		}
	}
}

/* Each bit that is not the guest's, alone, on top of a good vSTE. */
TEST_F(vste, reserved_bits)
{
	const __u64 word0 = STE0_V | STE0_CONFIG(7) | STE0_S1FMT(3) |
			    STE0_S1CONTEXTPTR | STE0_S1CDMAX(31);
	const __u64 word1 = STE1_S1DSS(3) | STE1_S1CIR(3) | STE1_S1COR(3) |
			    STE1_S1CSH(3) | STE1_S1STALLD | STE1_EATS(3);
	struct vm *vm = &self->vm;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		if (!(word0 & BIT_ULL(bit)))
			EXPECT_EQ(-EIO, vste_try(vm, vm->ste[0] | BIT_ULL(bit),
						 vm->ste[1])) {
				TH_LOG("word 0, bit %u", bit);
			}
		if (!(word1 & BIT_ULL(bit)))
			EXPECT_EQ(-EIO, vste_try(vm, vm->ste[0],
						 vm->ste[1] | BIT_ULL(bit))) {
				TH_LOG("word 1, bit %u", bit);
			}
	}
}

TEST_F(vste, memory_attributes)
{
	struct vm *vm = &self->vm;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		/* S1CSH 1 is reserved */
		if (i >> 4 == 1)
			continue;
		EXPECT_EQ(0, vste_try(vm, vm->ste[0],
				      STE1_S1DSS(STE_S1DSS_SSID0) |
				      STE1_S1CIR(i) | STE1_S1COR(i >> 2) |
				      STE1_S1CSH(i >> 4))) {
			TH_LOG("CIR, COR, CSH: %#x", i);
		}
	}
}

/* Split-stage ATS and the reserved value are never the guest's to choose. */
TEST_F(vste, eats)
{
	struct vm *vm = &self->vm;

	EXPECT_EQ(0, vste_try(vm, vm->ste[0], STE1_EATS(STE_EATS_ABORT)));
	EXPECT_EQ(-EIO, vste_try(vm, vm->ste[0], STE1_EATS(STE_EATS_S1CHK)));
	EXPECT_EQ(-EIO, vste_try(vm, vm->ste[0], STE1_EATS(3)));
}

/* With V clear nothing else is looked at. */
TEST_F(vste, invalid_takes_anything)
{
	struct vm *vm = &self->vm;

	EXPECT_EQ(0, vste_try(vm, 0, 0));
	EXPECT_EQ(0, vste_try(vm, ~STE0_V, ~0ULL));
}

static int vste_raw(struct vm *vm, __u32 pt, __u32 flags, __u32 type,
		    const void *data, __u32 len)
{
	__u32 hwpt;

	return iommufd_hwpt_alloc_data(vm->host->fd, vm->edu->dev, pt, flags,
				       type, data, len, &hwpt);
}

TEST_F(vste, arguments)
{
	const __u32 smmu = IOMMU_HWPT_DATA_ARM_SMMUV3;
	struct vm *vm = &self->vm;
	__u64 data[4] = { vm->ste[0], vm->ste[1] };

	/* The type must be the one that this vIOMMU understands. */
	EXPECT_EQ(-EINVAL, vste_raw(vm, vm->viommu, 0, IOMMU_HWPT_DATA_VTD_S1,
				    data, 16));
	EXPECT_EQ(-EINVAL, vste_raw(vm, vm->viommu, 0, 1000, data, 16));
	EXPECT_NE(0, vste_raw(vm, vm->viommu, 0, IOMMU_HWPT_DATA_NONE, NULL, 0));
	/* Two words, no less and no more. */
	EXPECT_EQ(-EINVAL, vste_raw(vm, vm->viommu, 0, smmu, data, 0));
	EXPECT_EQ(-EINVAL, vste_raw(vm, vm->viommu, 0, smmu, data, 8));
	EXPECT_EQ(-EINVAL, vste_raw(vm, vm->viommu, 0, smmu, data, 24));
	EXPECT_EQ(-EFAULT, vste_raw(vm, vm->viommu, 0, smmu, (void *)8, 16));
	EXPECT_EQ(0, vste_raw(vm, vm->viommu, 0, smmu, data, 16));
}

TEST_F(vste, flags)
{
	const __u32 smmu = IOMMU_HWPT_DATA_ARM_SMMUV3;
	struct vm *vm = &self->vm;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		/* IOMMU_HWPT_FAULT_ID_VALID belongs to iommufd itself. */
		if (BIT(bit) == IOMMU_HWPT_FAULT_ID_VALID)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, vste_raw(vm, vm->viommu, BIT(bit), smmu,
						vm->ste, 16)) {
			TH_LOG("flag %#lx", BIT(bit));
		}
	}
	EXPECT_EQ(-ENOENT, vste_raw(vm, vm->viommu, IOMMU_HWPT_FAULT_ID_VALID,
				    smmu, vm->ste, 16));
}

/* A vSTE belongs to a vIOMMU: neither an IOAS nor a parent takes one. */
TEST_F(vste, parent)
{
	const __u32 smmu = IOMMU_HWPT_DATA_ARM_SMMUV3;
	struct vm *vm = &self->vm;

	EXPECT_EQ(-EOPNOTSUPP, vste_raw(vm, self->host.ioas, 0, smmu, vm->ste,
					16));
	EXPECT_EQ(-EOPNOTSUPP, vste_raw(vm, self->host.s2, 0, smmu, vm->ste,
					16));
}
