// SPDX-License-Identifier: GPL-2.0-only
/* VMIDs, which what carries guests takes. */

TEST_F_TIMEOUT(exhaustion, stage2, 300)
{
	exhaust_hwpts(_metadata, &self->host, self->ioas,
		      IOMMU_HWPT_ALLOC_NEST_PARENT);
}

/* A virtual IOMMU has a VMID once something is configured with it. */
TEST_F_TIMEOUT(exhaustion, viommu, 300)
{
	const __u64 ste[2] = { STE0_V | STE0_CONFIG(STE_CONFIG_BYPASS) };
	struct host *host = &self->host;
	__u32 viommu, nested;
	struct vm vm;
	int i;

	host_make_s2(_metadata, host);
	vm_up(_metadata, host, &vm, &host->edu[0], 1);
	if (_metadata->exit_code)
		return;
	for (i = 0; i < EXHAUSTION_ROUNDS; i++) {
		ASSERT_EQ(0, viommu_alloc(host, host->s2, &viommu)) {
			TH_LOG("vIOMMU number %d", i);
		}
		ASSERT_EQ(0, iommufd_hwpt_alloc_ste(host->fd,
						    host->edu[0].dev, viommu,
						    ste, &nested)) {
			TH_LOG("vIOMMU number %d, in use", i);
		}
		ASSERT_EQ(0, iommufd_destroy(host->fd, nested));
		ASSERT_EQ(0, iommufd_destroy(host->fd, viommu));
	}
}
