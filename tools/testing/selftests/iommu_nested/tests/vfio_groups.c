// SPDX-License-Identifier: GPL-2.0-only
/* Several groups in a container, several containers. */

FIXTURE(pair)
{
	struct host host;
	struct vm vm[2];
};

/* Two devices, each in a group of its own; IOVA is page A to one and B to the other. */
FIXTURE_SETUP(pair)
{
	struct host *host = &self->host;
	int i;

	container_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	ASSERT_NE(pci_iommu_group(host->edu[0].bdf),
		  pci_iommu_group(host->edu[1].bdf));
	for (i = 0; i < 2; i++) {
		guest_up(_metadata, host, &self->vm[i], &host->edu[i], VSID + i);
		cd_write(self->vm[i].cd, &self->vm[i].s1, ASID + i,
			 IDR5_OAS(host->smmu.idr[5]));
		vm_map(_metadata, &self->vm[i], IOVA, PAGE_A << i);
	}
}

FIXTURE_TEARDOWN(pair)
{
	host_down(&self->host);
}

TEST_F(pair, one_memory)
{
	struct host *host = &self->host;
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_C, hits(_metadata, host, &host->edu[i],
				       page_gpa(host, PAGE_C)));
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[i],
					page_gpa(host, PAGE_C)));
}

TEST_F(pair, own_tables)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;

	ASSERT_EQ(0, vm_bind(&vm[0]));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	/* The other is where it was. */
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[1], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], page_gpa(host, PAGE_C)));

	ASSERT_EQ(0, vm_bind(&vm[1]));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));

	ASSERT_EQ(0, vm_unbind(&vm[0]));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[0], page_gpa(host, PAGE_C)));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));
}

/* One bind for all, with one table. */
TEST_F(pair, one_table_for_all)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct vfio_nested_bind_pasid_table cmd = table_of(&vm[0]);
	int i;

	cmd.target = ALL_GROUPS;
	EXPECT_EQ(-EINVAL, vfio_bind(host->fd, &cmd)) {
		TH_LOG("one device_id for two devices");
	}
	cmd.flags = 0;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[i], IOVA));

	/* One of them gets another, and leaves. */
	ASSERT_EQ(0, vm_attach(&vm[1]));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));
	ASSERT_EQ(0, vfio_unbind(host->fd, group_of(vm[1].edu)));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[1], IOVA));

	/* Those that are bound, though not all are. */
	ASSERT_EQ(0, vfio_unbind(host->fd, ALL_GROUPS));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(-ENOENT, vfio_unbind(host->fd, ALL_GROUPS));
}

TEST_F(pair, all_abort_and_bypass)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct vfio_nested_bind_pasid_table cmd = no_table(&vm[0],
						VFIO_NESTED_CONFIG_ABORT);
	int i;

	cmd.target = ALL_GROUPS;
	cmd.flags = 0;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[i],
					   page_gpa(host, PAGE_C)));
	cmd.config = VFIO_NESTED_CONFIG_BYPASS;
	EXPECT_EQ(-EBUSY, vfio_bind(host->fd, &cmd));
	cmd.flags = VFIO_NESTED_BIND_REPLACE;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[i],
					  page_gpa(host, PAGE_C)));
}

/* All or none: whichever of the two stops it. */
TEST_F(pair, all_or_none)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	int i;

	for (i = 0; i < 2; i++) {
		struct vm *bound = &vm[i], *other = &vm[1 - i];
		struct vfio_nested_bind_pasid_table cmd = table_of(other);

		ASSERT_EQ(0, vm_bind(bound));
		cmd.target = ALL_GROUPS;
		cmd.flags = 0;
		cmd.device_id = 0;
		EXPECT_EQ(-EBUSY, vfio_bind(host->fd, &cmd));
		EXPECT_EQ(PAGE_A << i, vm_hits(_metadata, bound, IOVA));
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, other, IOVA));
		EXPECT_EQ(-ENOENT, vm_unbind(other));
		ASSERT_EQ(0, vm_unbind(bound));
	}
}

TEST_F(pair, device_ids)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct vfio_nested_bind_pasid_table cmd;

	ASSERT_EQ(0, vm_bind(&vm[0]));
	vm[1].vsid = vm[0].vsid;
	EXPECT_EQ(-EEXIST, vm_bind(&vm[1]));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[1], IOVA));
	/* ... until the other gives it up. */
	ASSERT_EQ(0, vm_unbind(&vm[0]));
	EXPECT_EQ(0, vm_bind(&vm[1]));
	EXPECT_EQ(-EEXIST, vm_bind(&vm[0]));
	ASSERT_EQ(0, vm_unbind(&vm[1]));

	/* An ID of the hardware's is one that can be taken, too. */
	cmd = table_of(&vm[0]);
	cmd.flags = 0;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	vm[1].vsid = stream_id(_metadata, vm[0].edu);
	EXPECT_EQ(-EEXIST, vm_bind(&vm[1]));

	/* Taken by the other, it is not the first one's any more ... */
	ASSERT_EQ(0, vm_unbind(&vm[0]));
	ASSERT_EQ(0, vm_bind(&vm[1]));
	EXPECT_EQ(-EEXIST, vfio_bind(host->fd, &cmd));
	/* ... and of both, none is bound anew. */
	cmd.target = ALL_GROUPS;
	cmd.flags = VFIO_NESTED_BIND_REPLACE;
	EXPECT_EQ(-EEXIST, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(-ENOENT, vm_unbind(&vm[0]));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));
}

/*
 * Binds both devices, each to a page of its own, and has their context
 * descriptors lead to page C, of which the SMMU does not know.
 */
static void bind_and_go_stale(struct __test_metadata *_metadata,
			      struct host *host, struct vm vm[2])
{
	struct s1 other[2];
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vm_bind(&vm[i]));
		ASSERT_EQ(PAGE_A << i, vm_hits(_metadata, &vm[i], IOVA));
		ASSERT_EQ(0, s1_init(&other[i], &host->ram, 12, S1_VA_BITS));
		ASSERT_EQ(0, s1_map(&other[i], IOVA, page_gpa(host, PAGE_C)));
		cd_write(vm[i].cd, &other[i], ASID + 10 + i,
			 IDR5_OAS(host->smmu.idr[5]));
		ASSERT_EQ(PAGE_A << i, vm_hits(_metadata, &vm[i], IOVA));
	}
}

/* Invalidations for one device, for the other, and for all that have a tag. */
TEST_F(pair, invalidation_by_device)
{
	struct vm *vm = self->vm;

	bind_and_go_stale(_metadata, &self->host, vm);
	invalidate_one(_metadata, &vm[1], (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
		.flags = VFIO_NESTED_INV_HAS_DEVICE,
		.device_id = vm[1].vsid,
	});
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	vm_invalidate(_metadata, &vm[0], smmu_cfgi_cd(vm[0].vsid, 0));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[0], IOVA));
}

/* Without a device all of them are meant. */
TEST_F(pair, invalidation_of_all_devices)
{
	struct vm *vm = self->vm;
	int i;

	bind_and_go_stale(_metadata, &self->host, vm);
	invalidate_one(_metadata, &vm[0], (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[i], IOVA));
}

struct replacer {
	struct vm *vm;
	pthread_barrier_t barrier;
	int rounds;
	int rc;
};

static void *replace_on_and_on(void *arg)
{
	struct replacer *replacer = arg;

	while (replacer->rounds--) {
		pthread_barrier_wait(&replacer->barrier);
		if (!replacer->rc)
			replacer->rc = vm_attach(replacer->vm);
		pthread_barrier_wait(&replacer->barrier);
	}
	return NULL;
}

static void spin_us(unsigned int us)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000L +
		 (now.tv_nsec - start.tv_nsec) / 1000 < us);
}

/* ... all, also when the one before is bound anew just then. */
TEST_F_TIMEOUT(pair, invalidation_beside_a_replacement, 120)
{
	struct replacer replacer = { .vm = &self->vm[0], .rounds = 40 };
	const int rounds = replacer.rounds;
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct s1 tables[2];
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, s1_init(&tables[i], &host->ram, 12, S1_VA_BITS));
		ASSERT_EQ(0, s1_map(&tables[i], IOVA,
				    page_gpa(host, PAGE_C << i)));
	}
	ASSERT_EQ(0, vm_bind(&vm[0]));
	ASSERT_EQ(0, pthread_barrier_init(&replacer.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, replace_on_and_on, &replacer));
	for (i = 0; i < rounds; i++) {
		struct vfio_nested_inv inv = {
			.caches = VFIO_NESTED_INV_PASID,
			.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
		};
		__u32 done = 1;

		cd_write(vm[1].cd, &tables[0], ASID + 10,
			 IDR5_OAS(host->smmu.idr[5]));
		ASSERT_EQ(0, vm_bind(&vm[1]));
		EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
		cd_write(vm[1].cd, &tables[1], ASID + 11,
			 IDR5_OAS(host->smmu.idr[5]));
		pthread_barrier_wait(&replacer.barrier);
		spin_us(i * 20);
		EXPECT_EQ(0, vfio_invalidate(host->fd, &inv, &done));
		pthread_barrier_wait(&replacer.barrier);
		EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm[1], IOVA)) {
			TH_LOG("round %d", i);
		}
		ASSERT_EQ(0, vm_unbind(&vm[1]));
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, replacer.rc);
}

/* One guest: a tag means the same to all its devices. */
TEST_F(pair, invalidation_by_tag)
{
	struct vm *vm = self->vm;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vm_bind(&vm[i]));
		ASSERT_EQ(PAGE_A << i, vm_hits(_metadata, &vm[i], IOVA));
		vm_map(_metadata, &vm[i], IOVA, PAGE_D);
		ASSERT_EQ(PAGE_A << i, vm_hits(_metadata, &vm[i], IOVA));
	}
	invalidate_one(_metadata, &vm[0],
		       (struct vfio_nested_inv)LEAF_OF(ASID + 1, IOVA));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm[1], IOVA));
	invalidate_one(_metadata, &vm[1],
		       (struct vfio_nested_inv)LEAF_OF(ASID, IOVA));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm[0], IOVA));
}

TEST_F(pair, events)
{
	struct vm *vm = self->vm;
	struct vfio_nested_event event;
	int fd, i;

	fd = vfio_event_fd(self->host.fd, EVENT_DEPTH);
	ASSERT_LE(0, fd);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vm_bind(&vm[i]));
	for (i = 1; i >= 0; i--) {
		fault_at(_metadata, &vm[i], IOVA + GUEST_PAGE);
		expect_reason(_metadata, fd, vm[i].vsid,
			      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION,
			      &event);
	}
	ASSERT_EQ(0, vm_unbind(&vm[0]));
	fault_at(_metadata, &vm[0], IOVA + GUEST_PAGE);
	no_event(_metadata, fd);
	fault_at(_metadata, &vm[1], IOVA + GUEST_PAGE);
	expect_reason(_metadata, fd, vm[1].vsid, VFIO_NESTED_EVENT_TRANSLATION,
		      EVT_F_TRANSLATION, &event);
	close(fd);
}

/* A group leaves, and its ID with it; the other does not notice. */
TEST_F(pair, one_leaves)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct edu outside;

	ASSERT_EQ(0, vm_bind(&vm[0]));
	ASSERT_EQ(0, vm_bind(&vm[1]));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	edu_close(&host->edu[0]);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));
	EXPECT_EQ(-EIO, cfgi(&vm[1], VSID));
	EXPECT_EQ(0, cfgi(&vm[1], VSID + 1));

	ASSERT_EQ(0, edu_open_sysfs(&outside, 0));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside,
				page_gpa(host, PAGE_A)));
	edu_close(&outside);

	/* It comes back: with the memory, without the table. */
	ASSERT_EQ(0, edu_open_group(&host->edu[0], 0, host->fd));
	ASSERT_EQ(0, edu_open_device(&host->edu[0]));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[0], page_gpa(host, PAGE_C)));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[0], IOVA));
	ASSERT_EQ(0, vm_bind(&vm[0]));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[1], IOVA));
}

/* The device that is closed while its group stays leaves nothing to reach. */
TEST_F(pair, last_one_leaves)
{
	struct host *host = &self->host;
	long locked = locked_kib(_metadata);

	ASSERT_EQ(0, vm_bind(&self->vm[0]));
	edu_close(&host->edu[0]);
	EXPECT_EQ(locked, locked_kib(_metadata));
	edu_close(&host->edu[1]);
	/* A container without groups has no memory. */
	EXPECT_EQ(0L, locked_kib(_metadata));
	EXPECT_EQ(-EINVAL, vfio_map(host->fd, host->ram.ram, GUEST_SIZE,
				    GUEST_GPA));
}

/* A container is a guest: neither memory nor tags are another one's. */
TEST(two_containers)
{
	struct host host[2] = { 0 };
	struct vm vm[2];
	int i;

	for (i = 0; i < 2; i++) {
		container_up_nth(_metadata, &host[i], VFIO_TYPE1_NESTING_IOMMU,
				 i, 1);
		if (_metadata->exit_code)
			return;
		guest_up(_metadata, &host[i], &vm[i], &host[i].edu[0], VSID);
		vm_map(_metadata, &vm[i], IOVA, PAGE_A);
		ASSERT_EQ(0, vm_bind(&vm[i]));
		ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm[i], IOVA));
	}
	/* The same tag, address and name of the device in both */
	vm_map(_metadata, &vm[0], IOVA, PAGE_B);
	vm_map(_metadata, &vm[1], IOVA, PAGE_C);
	vm_invalidate(_metadata, &vm[1], smmu_cmd(CMD_TLBI_NH_ALL));
	vm_invalidate(_metadata, &vm[1], smmu_cmd(CMD_TLBI_NSNH_ALL));
	vm_invalidate(_metadata, &vm[1], smmu_cfgi_cd_all(VSID));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	memset(host[1].page[0], 0, GUEST_PAGE);
	memset(host[1].page[1], 0, GUEST_PAGE);
	vm_invalidate(_metadata, &vm[0], smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[0], IOVA));
	for (i = 0; i < (int)PAGE_WORDS; i++)
		ASSERT_EQ(0ULL, host[1].page[0][i] | host[1].page[1][i]);

	/* A group is in one container. */
	EXPECT_EQ(-EINVAL, vfio_ioctl(host[0].edu[0].group,
				      VFIO_GROUP_SET_CONTAINER, &host[1].fd));
	EXPECT_EQ(-EBUSY, vfio_ioctl(host[0].edu[0].group,
				     VFIO_GROUP_UNSET_CONTAINER, NULL));
	host_down(&host[0]);
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	host_down(&host[1]);
}

/* A device of the container's is none of iommufd's, and the other way round. */
TEST(beside_iommufd)
{
	struct host host = { 0 };
	struct edu edu;
	struct vm vm;
	__u32 ioas;
	int fd;

	container_up(_metadata, &host, 1);
	if (_metadata->exit_code)
		return;
	if (edu_count() < 2)
		SKIP(return, "2 edu devices are needed");
	guest_up(_metadata, &host, &vm, &host.edu[0], VSID);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(&vm));
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	EXPECT_GT(0, edu_open(&edu, 0, fd));
	ASSERT_EQ(0, edu_open(&edu, 1, fd));
	ASSERT_EQ(0, iommufd_ioas_alloc(fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_map(fd, ioas, host.page[2], GUEST_PAGE,
				      FREE_GPA));
	ASSERT_EQ(0, edu_attach(&edu, ioas));
	ASSERT_EQ(0, edu_store(&edu, FREE_GPA, 0, GUEST_PAGE));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	edu_close(&edu);
	close(fd);
	host_down(&host);
}
