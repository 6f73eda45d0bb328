// SPDX-License-Identifier: GPL-2.0-only
/* CHECK_EXTENSION and GET_INFO: what a VMM learns before a guest runs. */

#define NESTING		VFIO_TYPE1_NESTING_IOMMU

/* Before there is a group, and after the kind of container is chosen. */
TEST(extensions)
{
	struct host host = { 0 };
	int fd;

	groups_up(_metadata, &host, NESTING, 0, 1);
	if (_metadata->exit_code)
		return;
	fd = vfio_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(VFIO_API_VERSION, vfio_ioctl(fd, VFIO_GET_API_VERSION, NULL));
	EXPECT_EQ(1, vfio_extension(fd, NESTING));
	EXPECT_EQ(VFIO_NESTED_VERSION, vfio_extension(fd, VFIO_NESTED_EXTENSION));
	close(fd);

	EXPECT_EQ(1, vfio_extension(host.fd, NESTING));
	EXPECT_EQ(VFIO_NESTED_VERSION,
		  vfio_extension(host.fd, VFIO_NESTED_EXTENSION));
	EXPECT_EQ(1, vfio_extension(host.fd, VFIO_UNMAP_ALL));
	EXPECT_EQ(0, vfio_extension(host.fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, vfio_extension(host.fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, vfio_extension(host.fd, VFIO_UPDATE_VADDR));
	EXPECT_EQ(0, vfio_extension(host.fd, 0));
	EXPECT_EQ(0, vfio_extension(host.fd, 0x7fffffff));
	host_down(&host);
}

/* A container without groups has no kind, and the kind is chosen once. */
TEST(container_kind)
{
	struct host host = { 0 };
	int fd;

	groups_up(_metadata, &host, NESTING, 0, 1);
	if (_metadata->exit_code)
		return;
	fd = vfio_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, vfio_set_iommu(fd, NESTING));
	EXPECT_EQ(-EINVAL, vfio_ioctl(fd, VFIO_NESTED_EVENT_FD, NULL));
	EXPECT_EQ(-EINVAL, vfio_ioctl(fd, VFIO_IOMMU_GET_INFO, NULL));
	close(fd);
	EXPECT_EQ(-EINVAL, vfio_set_iommu(host.fd, NESTING));
	EXPECT_EQ(-EINVAL, vfio_set_iommu(host.fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(host.fd, VFIO_NESTED_IO(99), NULL));
	host_down(&host);
}

FIXTURE(info)
{
	struct host host;
	union info info;
};

/* Groups suffice: no device is open, nothing is mapped. */
FIXTURE_SETUP(info)
{
	groups_up(_metadata, &self->host, NESTING, 0, 1);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, vfio_info(self->host.fd, &self->info.info,
			       sizeof(self->info)));
}

FIXTURE_TEARDOWN(info)
{
	host_down(&self->host);
}

TEST_F(info, chain)
{
	const struct vfio_iommu_type1_info *info = &self->info.info;
	unsigned int seen[4] = { 0 };
	__u32 at = info->cap_offset;

	EXPECT_EQ((__u32)(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS),
		  info->flags);
	ASSERT_LE(sizeof(*info), at);
	while (at) {
		const struct vfio_info_cap_header *header;

		ASSERT_EQ(0U, at % 8);
		ASSERT_LE(at + sizeof(*header), info->argsz);
		header = (const void *)&self->info.bytes[at];
		EXPECT_EQ(1, header->version);
		seen[0] += header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
		seen[1] += header->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
		seen[2] += header->id == VFIO_NESTED_INFO_CAP;
		seen[3] += header->id == VFIO_NESTED_INFO_CAP_ARM_SMMUV3;
		if (header->next)
			ASSERT_LE(at + sizeof(*header), header->next);
		at = header->next;
	}
	/* One SMMU, hence one set of registers. */
	for (at = 0; at < ARRAY_SIZE(seen); at++)
		EXPECT_EQ(1U, seen[at]) {
			TH_LOG("capability %u", at);
		}
}

TEST_F(info, page_sizes)
{
	__u64 sizes = self->info.info.iova_pgsizes;

	EXPECT_EQ(sysconf(_SC_PAGESIZE), 1L << __builtin_ctzll(sizes));
	EXPECT_NE(0ULL, sizes & MIB(2));
}

/* Too little room: the size that it takes comes back, and nothing is written there. */
TEST_F(info, room)
{
	const size_t min = offsetof(struct vfio_iommu_type1_info, cap_offset);
	__u32 needed, size;
	union info info;

	for (needed = sizeof(info.info), size = min; size <= needed; size++) {
		memset(&info, 0xa5, sizeof(info));
		info.info.argsz = size;
		ASSERT_EQ(0, vfio_ioctl(self->host.fd, VFIO_IOMMU_GET_INFO, &info));
		if (size == min)
			needed = info.info.argsz;
		ASSERT_EQ(needed, info.info.argsz);
		ASSERT_EQ(self->info.info.iova_pgsizes, info.info.iova_pgsizes);
		ASSERT_EQ(0xa5, info.bytes[size]);
		if (size >= sizeof(info.info))
			ASSERT_EQ(size == needed ? sizeof(info.info) : 0,
				  info.info.cap_offset) {
				TH_LOG("%u bytes of %u", size, needed);
			}
	}
	ASSERT_LT(sizeof(info.info), needed);
	EXPECT_EQ(0, memcmp(info.bytes + sizeof(info.info),
			    self->info.bytes + sizeof(info.info),
			    needed - sizeof(info.info)));

	info.info.argsz = min - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->host.fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->host.fd, VFIO_IOMMU_GET_INFO, BAD_VA));
}

/* One page just inside of each range can be mapped, just outside it can't. */
TEST_F(info, iova_ranges)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	const __u64 last = GUEST_PAGE - 1;
	int fd = self->host.fd;
	__u64 next = 0;
	void *va;
	__u32 i;

	va = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	cap = info_get(_metadata, fd, &self->info,
		       VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	ASSERT_LT(0U, cap->nr_iovas);
	for (i = 0; i < cap->nr_iovas; i++) {
		__u64 start = cap->iova_ranges[i].start;
		__u64 end = cap->iova_ranges[i].end;

		ASSERT_LT(start, end);
		ASSERT_LE(next, start);
		EXPECT_TRUE(end < MSI_WINDOW || start > MSI_WINDOW_END);
		EXPECT_EQ(0, vfio_map(fd, va, GUEST_PAGE, start));
		EXPECT_EQ(0, vfio_map(fd, va, GUEST_PAGE, end - last));
		if (start)
			EXPECT_EQ(-EINVAL, vfio_map(fd, va, GUEST_PAGE,
						    start - GUEST_PAGE));
		if (end != ~0ULL)
			EXPECT_EQ(-EINVAL, vfio_map(fd, va, GUEST_PAGE, end + 1));
		next = end + 1;
	}
}

/* The ranges are all but what sysfs lists as reserved, up to the last GPA. */
TEST_F(info, iova_ranges_and_reserved_regions)
{
	const struct vfio_iommu_type1_info_cap_iova_range *ranges;
	const struct vfio_nested_info_cap *cap;
	unsigned int regions = 0;
	char path[64], type[32];
	__u64 start, end, size = 0;
	FILE *f;
	__u32 i;

	cap = info_get(_metadata, self->host.fd, &self->info,
		       VFIO_NESTED_INFO_CAP);
	size = 1ULL << cap->output_bits;
	ranges = vfio_capability(&self->info.info,
				 VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
	ASSERT_NE(NULL, ranges);
	for (i = 0; i < ranges->nr_iovas; i++)
		size -= ranges->iova_ranges[i].end -
			ranges->iova_ranges[i].start + 1;

	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions",
		 pci_iommu_group(self->host.edu[0].bdf));
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	while (fscanf(f, "%llx %llx %31s", &start, &end, type) == 3) {
		if (!strcmp(type, "direct-relaxable"))
			continue;
		for (i = 0; i < ranges->nr_iovas; i++)
			EXPECT_TRUE(ranges->iova_ranges[i].end < start ||
				    ranges->iova_ranges[i].start > end) {
				TH_LOG("%s at %#llx", type, start);
			}
		size -= end - start + 1;
		regions++;
	}
	fclose(f);
	EXPECT_LT(0U, regions);
	EXPECT_EQ(0ULL, size);
}

TEST_F(info, dma_avail)
{
	int fd = self->host.fd;
	__u32 avail = dma_avail(_metadata, fd);
	void *va;

	va = mmap(NULL, 2 * GUEST_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	EXPECT_EQ(65535U, avail);
	ASSERT_EQ(0, vfio_map(fd, va, 2 * GUEST_PAGE, GUEST_GPA));
	EXPECT_EQ(avail - 1, dma_avail(_metadata, fd));
	ASSERT_EQ(0, vfio_map(fd, va, GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(avail - 2, dma_avail(_metadata, fd));
	EXPECT_EQ(-EEXIST, vfio_map(fd, va, GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(-EFAULT, vfio_map(fd, BAD_VA, GUEST_PAGE, FREE_GPA + MIB(1)));
	EXPECT_EQ(avail - 2, dma_avail(_metadata, fd));
	ASSERT_EQ(0, vfio_unmap_flags(fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(avail, dma_avail(_metadata, fd));
}

/* The capability says what the registers say. */
TEST_F(info, nesting)
{
	const struct vfio_nested_info_arm_smmuv3 *smmu;
	const struct vfio_nested_info_cap *cap;
	unsigned int ssid_bits;
	__u64 granules = 0;

	cap = vfio_capability(&self->info.info, VFIO_NESTED_INFO_CAP, 0);
	smmu = vfio_capability(&self->info.info,
			       VFIO_NESTED_INFO_CAP_ARM_SMMUV3, 0);
	ASSERT_NE(NULL, cap);
	ASSERT_NE(NULL, smmu);
	EXPECT_EQ(0U, smmu->index);
	EXPECT_EQ(0U, smmu->reserved);

	EXPECT_EQ((__u32)VFIO_NESTED_MODEL_ARM_SMMUV3, cap->model);
	EXPECT_EQ((__u64)(VFIO_NESTED_OP_BIND_PASID_TABLE |
			  VFIO_NESTED_OP_CACHE_INVALIDATE |
			  VFIO_NESTED_OP_BIND_MSI | VFIO_NESTED_OP_EVENT_FD),
		  cap->ops);
	EXPECT_EQ(0U, cap->flags & (VFIO_NESTED_INFO_CACHING_MODE |
				    VFIO_NESTED_INFO_STALL));
	EXPECT_TRUE(!!(cap->flags & VFIO_NESTED_INFO_INV_GENERIC));
	EXPECT_TRUE(!!(cap->flags & VFIO_NESTED_INFO_INV_MODEL));
	EXPECT_EQ(0U, cap->flags & ~((VFIO_NESTED_INFO_INV_MODEL << 1) - 1));
	if (!IDR0_ATS(smmu->idr[0]))
		EXPECT_FALSE(!!(cap->flags & VFIO_NESTED_INFO_DEV_IOTLB));
	if (IDR0_HTTU(smmu->idr[0]) < 1)
		EXPECT_FALSE(!!(cap->flags & VFIO_NESTED_INFO_HW_ACCESS));
	if (IDR0_HTTU(smmu->idr[0]) < 2)
		EXPECT_FALSE(!!(cap->flags & VFIO_NESTED_INFO_HW_DIRTY));

	EXPECT_TRUE(IDR0_S1P(smmu->idr[0]) && IDR0_S2P(smmu->idr[0]));
	if (IDR5_GRAN4K(smmu->idr[5]))
		granules |= KIB(4);
	if (IDR5_GRAN16K(smmu->idr[5]))
		granules |= KIB(16);
	if (IDR5_GRAN64K(smmu->idr[5]))
		granules |= KIB(64);
	EXPECT_EQ(granules, cap->granules);
	/* What stage1.c proves to translate; others there may be. */
	if (granules & KIB(4))
		EXPECT_EQ(KIB(4) | MIB(2) | MIB(1024),
			  cap->pgsizes & (KIB(4) | MIB(2) | MIB(1024)));
	if (granules & KIB(16))
		EXPECT_EQ(KIB(16) | MIB(32), cap->pgsizes & (KIB(16) | MIB(32)));
	if (granules & KIB(64))
		EXPECT_EQ(KIB(64) | MIB(512),
			  cap->pgsizes & (KIB(64) | MIB(512)));

	EXPECT_LE(S1_VA_BITS, cap->input_bits);
	EXPECT_GE(52, cap->input_bits);
	EXPECT_LE(32, cap->output_bits);
	EXPECT_GE(smmu_oas_bits(IDR5_OAS(smmu->idr[5])), cap->output_bits);
	EXPECT_EQ(IDR0_ASID16(smmu->idr[0]) ? 16 : 8, cap->asid_bits);
	ssid_bits = IDR1_SSIDSIZE(smmu->idr[1]);
	EXPECT_GE(ssid_bits, cap->pasid_bits);
	EXPECT_TRUE(!!(cap->pasid_table_formats & BIT(0)));
	if (!IDR0_CD2L(smmu->idr[0]))
		EXPECT_EQ((__u32)BIT(0), cap->pasid_table_formats);
	EXPECT_LT(0U, cap->event_depth);
	EXPECT_LE(GUEST_PAGE, cap->msi_size);
	EXPECT_EQ(0ULL, cap->msi_size % GUEST_PAGE);
}

/* What iommufd says of another device behind the same SMMU. */
TEST_F(info, registers_are_those_of_iommufd)
{
	const struct vfio_nested_info_arm_smmuv3 *cap;
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd = { 0 };
	struct edu edu;
	int fd;

	if (edu_count() < 2)
		SKIP(return, "2 edu devices are needed");
	cap = vfio_capability(&self->info.info,
			      VFIO_NESTED_INFO_CAP_ARM_SMMUV3, 0);
	ASSERT_NE(NULL, cap);
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, edu_open(&edu, 1, fd));
	ASSERT_EQ(0, iommufd_hw_info(fd, edu.dev, &cmd, &info,
				     sizeof(info)));
	EXPECT_EQ(0, memcmp(info.idr, cap->idr, sizeof(info.idr)));
	EXPECT_EQ(info.iidr, cap->iidr);
	EXPECT_EQ(info.aidr, cap->aidr);
	EXPECT_NE(0U, cap->idr[0]);
	edu_close(&edu);
	close(fd);
}
