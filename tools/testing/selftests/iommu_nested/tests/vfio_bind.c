// SPDX-License-Identifier: GPL-2.0-only
/* BIND_PASID_TABLE: which states a device has, and how it gets from one to another. */

FIXTURE(bind)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(bind)
{
	nest_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(bind)
{
	host_down(&self->host);
}

TEST_F(bind, translate)
{
	check_both_ways(_metadata, &self->vm, vm_bind);
}

/* The guest's addresses are its own, and end in its memory. */
TEST_F(bind, translate_only_what_both_stages_map)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, GUEST_GPA + GUEST_SIZE));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA + GUEST_PAGE, 0));
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + 2 * GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}

/* Stage 2 only, bound in each way, and back; then in and out of the container. */
TEST_F(bind, walk)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_bind_pasid_table cmd;
	__u64 gpa = page_gpa(host, PAGE_B);

	vm_map(_metadata, vm, IOVA, PAGE_A);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, gpa));

	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_ABORT));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, gpa));

	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_BYPASS));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, GUEST_GPA + GUEST_SIZE));

	cmd = table_of(vm);
	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(-ENOENT, vm_unbind(vm));

	ASSERT_EQ(0, vm_bind_config(vm, VFIO_NESTED_CONFIG_ABORT));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, gpa));
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
}

/*
 * From the kernel's own use of the device to that and back: seen from sysfs, as
 * outside of a container with an IOMMU there is no way through VFIO.
 */
TEST_F(bind, walk_from_and_to_the_default)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct edu *edu = vm->edu;
	struct edu outside;
	__u64 gpa = page_gpa(host, PAGE_B);
	__u64 hpa = host_address(host->page[1]);
	int container;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_NE(0ULL, hpa);
	ASSERT_EQ(0, vm_bind(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));

	/* The group leaves: no device of it is open. */
	close(edu->fd);
	edu->fd = -1;
	munmap(edu->bar, edu->bar_size);
	edu->bar = NULL;
	ASSERT_EQ(0, vfio_ioctl(edu->group, VFIO_GROUP_UNSET_CONTAINER, NULL));
	ASSERT_EQ(0, edu_open_sysfs(&outside, edu->nth));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, gpa));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, hpa));

	/* In a container of no kind it is blocked. */
	container = vfio_open();
	ASSERT_LE(0, container);
	ASSERT_EQ(0, vfio_ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &container));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, gpa));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, hpa));

	/* Of the new one's life before there is nothing. */
	ASSERT_EQ(0, vfio_set_iommu(container, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, gpa));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, hpa));
	EXPECT_EQ(-ENOENT, vfio_unbind(container, group_of(edu)));
	ASSERT_EQ(0, vfio_map(container, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &outside, gpa));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &outside, IOVA));
	edu_close(&outside);
	close(container);
}

enum bind_state {
	TRANSLATE, TRANSLATE_OTHER, BYPASS, ABORT, UNBOUND, NUM_STATES
};

static const char * const state_names[] = {
	"translate", "translate (other table)", "bypass", "abort", "stage 2 only",
};

/* From whatever there is to @state. */
static void go_to(struct __test_metadata *_metadata, struct vm *vm,
		  enum bind_state state, __u64 other)
{
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);
	int rc;

	switch (state) {
	case TRANSLATE_OTHER:
		cmd.base = other;
		break;
	case BYPASS:
		cmd = no_table(vm, VFIO_NESTED_CONFIG_BYPASS);
		break;
	case ABORT:
		cmd = no_table(vm, VFIO_NESTED_CONFIG_ABORT);
		break;
	case UNBOUND:
		rc = vm_unbind(vm);
		ASSERT_TRUE(!rc || rc == -ENOENT);
		return;
	default:
		break;
	}
	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	ASSERT_EQ(0, vfio_bind(vm->host->fd, &cmd));
}

/* Every state after every other one, and after itself. */
TEST_F_TIMEOUT(bind, all_pairs_of_states, 120)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	const unsigned long expected[NUM_STATES] = {
		[TRANSLATE] = PAGE_A, [TRANSLATE_OTHER] = PAGE_B,
		[BYPASS] = PAGE_C, [ABORT] = NOWHERE, [UNBOUND] = PAGE_C,
	};
	__u64 at = page_gpa(host, PAGE_C);
	struct s1 other;
	__u64 *cd;
	int from, to;

	vm_map(_metadata, vm, at, PAGE_A);
	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, at, page_gpa(host, PAGE_B)));
	cd = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, cd);
	cd_write(cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));

	for (from = 0; from < NUM_STATES; from++) {
		for (to = 0; to < NUM_STATES; to++) {
			go_to(_metadata, vm, from, guest_gpa(&host->ram, cd));
			go_to(_metadata, vm, to, guest_gpa(&host->ram, cd));
			EXPECT_EQ(expected[to], vm_hits(_metadata, vm, at)) {
				TH_LOG("%s after %s", state_names[to],
				       state_names[from]);
			}
		}
	}
}

/* Until the switch, the old configuration serves every DMA; then the new one. */
TEST_F(bind, replace_between_start_and_end_of_a_dma)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	int i;

	/* Page A at its own GPA: both configurations translate alike. */
	vm_map(_metadata, vm, page_gpa(host, PAGE_A), PAGE_A);
	ASSERT_EQ(0, vm_bind(vm));
	for (i = 0; i < 10; i++) {
		memset(host->page[0], 0, GUEST_PAGE);
		edu_store_start(vm->edu, page_gpa(host, PAGE_A), i * 8, 8);
		go_to(_metadata, vm, i % 2 ? TRANSLATE : BYPASS, 0);
		ASSERT_EQ(0, edu_wait(vm->edu));
		EXPECT_EQ(marker(i), host->page[0][0]) {
			TH_LOG("a DMA across switch %d was lost", i);
		}
	}
}

/* The group may be bound before its device is opened, as a VMM does. */
TEST_F(bind, before_the_device_is_opened)
{
	struct host host;
	struct vm vm;

	host_down(&self->host);
	groups_up(_metadata, &host, VFIO_TYPE1_NESTING_IOMMU, 0, 1);
	host_make_ram(_metadata, &host);
	ASSERT_EQ(0, vfio_map(host.fd, host.ram.ram, GUEST_SIZE, GUEST_GPA));
	guest_up(_metadata, &host, &vm, &host.edu[0], VSID);
	vm_map(_metadata, &vm, IOVA, PAGE_D);
	ASSERT_EQ(0, vm_bind(&vm));
	ASSERT_EQ(0, edu_open_device(&host.edu[0]));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm, IOVA));
	/* Closing the device does not unbind it: the group is still there. */
	munmap(vm.edu->bar, vm.edu->bar_size);
	close(vm.edu->fd);
	vm.edu->bar = NULL;
	ASSERT_EQ(0, edu_open_device(&host.edu[0]));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(-EBUSY, vm_bind(&vm));
	host_down(&host);
}

TEST_F(bind, twice)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(-EBUSY, vm_bind(vm));
	EXPECT_EQ(-EBUSY, vm_bind_config(vm, VFIO_NESTED_CONFIG_BYPASS));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	/* What replaces nothing is a bind. */
	ASSERT_EQ(0, vm_unbind(vm));
	ASSERT_EQ(0, vm_attach(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

static int cfgi(struct vm *vm, __u32 vsid)
{
	struct smmu_cmd cmd = smmu_cfgi_cd_all(vsid);
	__u32 done;

	return vm_invalidate_n(vm, &cmd, 1, &done);
}

/* Which ID commands go by: the hardware's until the guest has another. */
TEST_F(bind, device_id)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);
	__u32 sid = stream_id(_metadata, vm->edu);

	EXPECT_EQ(-EIO, cfgi(vm, sid));
	cmd.flags = 0;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(0, cfgi(vm, sid));
	EXPECT_EQ(-EIO, cfgi(vm, vm->vsid));

	ASSERT_EQ(0, vm_attach(vm));
	EXPECT_EQ(0, cfgi(vm, vm->vsid));
	EXPECT_EQ(-EIO, cfgi(vm, sid));

	/* Not given, it stays; also through a configuration without a table. */
	cmd.flags = VFIO_NESTED_BIND_REPLACE;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(0, cfgi(vm, vm->vsid));
	cmd = no_table(vm, VFIO_NESTED_CONFIG_ABORT);
	cmd.flags = VFIO_NESTED_BIND_REPLACE;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(0, cfgi(vm, vm->vsid));

	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_EQ(-EIO, cfgi(vm, vm->vsid));
	cmd = table_of(vm);
	cmd.flags = 0;
	cmd.device_id = 0;
	ASSERT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(0, cfgi(vm, sid));
	EXPECT_EQ(-EIO, cfgi(vm, vm->vsid));
}

TEST_F(bind, device_id_of_32_bits)
{
	struct vm *vm = &self->vm;

	vm->vsid = 0xffffffff;
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(0, cfgi(vm, 0xffffffff));
	ASSERT_EQ(0, vm_unbind(vm));
	vm->vsid = 0;
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(0, cfgi(vm, 0));
}

/* The table must be there when it is bound, to be read. */
TEST_F(bind, table_must_be_mapped)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	cmd.base = GUEST_GPA + GUEST_SIZE;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));
	cmd.base = GUEST_GPA - CD_SIZE;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));
	cmd.base = 0;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));
	cmd.base = MSI_WINDOW;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));

	ASSERT_EQ(0, vfio_map_flags(host->fd, vm->cd, GUEST_PAGE, FREE_GPA,
				    VFIO_DMA_MAP_FLAG_WRITE));
	cmd.base = FREE_GPA;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));
	ASSERT_EQ(0, vfio_unmap(host->fd, FREE_GPA, GUEST_PAGE, NULL));
	ASSERT_EQ(0, vfio_map_flags(host->fd, vm->cd, GUEST_PAGE, FREE_GPA,
				    VFIO_DMA_MAP_FLAG_READ));
	vm_map(_metadata, vm, IOVA, PAGE_A);
	EXPECT_EQ(0, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

TEST_F(bind, table_goes_while_bound)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* A refused bind leaves everything as it was: @rc is expected of @cmd. */
static void refused(struct __test_metadata *_metadata, struct vm *vm,
		    const struct vfio_nested_bind_pasid_table *cmd, int rc,
		    const char *what)
{
	struct vfio_nested_bind_pasid_table copy = *cmd;

	EXPECT_EQ(rc, vfio_bind(vm->host->fd, &copy)) {
		TH_LOG("bind with %s", what);
	}
	EXPECT_EQ(-ENOENT, vm_unbind(vm)) {
		TH_LOG("bound after %s", what);
	}
}

#define REFUSE_IN(rc, part, change) do {					\
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);		\
									\
	(part).change;							\
	refused(_metadata, vm, &cmd, rc, #change);			\
} while (0)

#define REFUSE(rc, change)	REFUSE_IN(rc, cmd, change)
#define REFUSE_TABLE(rc, change) REFUSE_IN(rc, *smmu_table(&cmd), change)

TEST_F(bind, refusals_of_any_model)
{
	struct vm *vm = &self->vm;

	REFUSE(-EINVAL, flags |= 1 << 3);
	REFUSE(-EINVAL, flags |= 1U << 31);
	REFUSE(-EINVAL, flags = 0);	/* with a device_id */
	REFUSE(-EINVAL, reserved = 1);
	REFUSE(-EINVAL, config = VFIO_NESTED_CONFIG_ABORT + 1);
	/* With a base and options */
	REFUSE(-EINVAL, config = VFIO_NESTED_CONFIG_ABORT);
	REFUSE(-EINVAL, config = VFIO_NESTED_CONFIG_BYPASS);
	REFUSE(-EOPNOTSUPP, model = VFIO_NESTED_MODEL_NONE);
	REFUSE(-EOPNOTSUPP, model = VFIO_NESTED_MODEL_INTEL_VTD);
	REFUSE(-EOPNOTSUPP, model = 99);
	REFUSE(-EINVAL, device_id = 1ULL << 32);
}

TEST_F(bind, refusals_without_a_table)
{
	static const __u32 configs[] = {
		VFIO_NESTED_CONFIG_BYPASS, VFIO_NESTED_CONFIG_ABORT,
	};
	struct vm *vm = &self->vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(configs); i++) {
		struct vfio_nested_bind_pasid_table cmd;

		cmd = no_table(vm, configs[i]);
		cmd.base = GUEST_GPA;
		refused(_metadata, vm, &cmd, -EINVAL, "a base");
		cmd = no_table(vm, configs[i]);
		cmd.pasid_bits = 1;
		refused(_metadata, vm, &cmd, -EINVAL, "pasid_bits");
		cmd = no_table(vm, configs[i]);
		smmu_table(&cmd)->stalld = 1;
		refused(_metadata, vm, &cmd, -EINVAL, "options");
		cmd = no_table(vm, configs[i]);
		cmd.data[3] = 1ULL << 63;
		refused(_metadata, vm, &cmd, -EINVAL, "data");
		cmd = no_table(vm, configs[i]);
		cmd.flags |= VFIO_NESTED_BIND_DEV_IOTLB;
		refused(_metadata, vm, &cmd, -EINVAL, "DEV_IOTLB");
	}
}

TEST_F(bind, refusals_of_smmuv3)
{
	const __u32 *idr = self->host.smmu.idr;
	unsigned int ssid_bits = IDR1_SSIDSIZE(idr[1]);
	struct vm *vm = &self->vm;

	REFUSE(-EINVAL, base += 1);
	REFUSE(-EINVAL, base += CD_SIZE / 2);
	REFUSE(-ERANGE, base = 1ULL << 52);
	REFUSE(-ERANGE, base = 1ULL << smmu_oas_bits(IDR5_OAS(idr[5])));
	REFUSE(-ERANGE, pasid_bits = ssid_bits + 1);
	REFUSE(-ERANGE, pasid_bits = 32);
	REFUSE(-ERANGE, pasid_bits = ~0U);
	REFUSE_TABLE(-EINVAL, s1fmt = 1);
	REFUSE_TABLE(-EINVAL, s1fmt = 2);
	REFUSE_TABLE(-EINVAL, s1fmt = 3);
	REFUSE_TABLE(-EINVAL, s1fmt = 4);
	REFUSE_TABLE(-EINVAL, s1dss = 1);
	REFUSE_TABLE(-EINVAL, s1dss = 2);
	REFUSE_TABLE(-EINVAL, s1dss = 4);
	REFUSE_TABLE(-EINVAL, s1cir = 4);
	REFUSE_TABLE(-EINVAL, s1cor = 4);
	REFUSE_TABLE(-EINVAL, s1csh = 4);
	REFUSE_TABLE(-EINVAL, stalld = 2);
	REFUSE_TABLE(-EINVAL, reserved[0] = 1);
	REFUSE_TABLE(-EINVAL, reserved[1] = 1);
	REFUSE(-EINVAL, data[1] = 1);
	REFUSE(-EINVAL, data[3] = 1ULL << 63);
	if (!IDR0_ATS(idr[0]))
		REFUSE(-EOPNOTSUPP, flags |= VFIO_NESTED_BIND_DEV_IOTLB);
	/* ... of which none was due to something else. */
	EXPECT_EQ(0, vm_bind(vm));
}

/* Attributes of the table's memory: those that the architecture has. */
TEST_F(bind, options)
{
	struct vm *vm = &self->vm;
	unsigned int i;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	for (i = 0; i < 4; i++) {
		struct vfio_nested_bind_pasid_table cmd = table_of(vm);

		cmd.flags |= VFIO_NESTED_BIND_REPLACE;
		smmu_table(&cmd)->s1cir = i;
		smmu_table(&cmd)->s1cor = i;
		smmu_table(&cmd)->s1csh = i == 1 ? 0 : i;	/* 1 is reserved */
		EXPECT_EQ(0, vfio_bind(vm->host->fd, &cmd));
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	}
}

/* Where nothing is ever stalled, nor can it be said not to be. */
TEST_F(bind, stalld)
{
	bool stalls = IDR0_STALL_MODEL(self->host.smmu.idr[0]) == 0;
	struct vm *vm = &self->vm;
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	vm_map(_metadata, vm, IOVA, PAGE_A);
	smmu_table(&cmd)->stalld = 1;
	EXPECT_EQ(stalls ? 0 : -EOPNOTSUPP, vfio_bind(vm->host->fd, &cmd));
	if (stalls)
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* A refused replacement leaves what there was. */
TEST_F(bind, refused_replacement)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_bind_pasid_table cmd;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	cmd = table_of(vm);
	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	cmd.base = FREE_GPA;
	EXPECT_EQ(-EFAULT, vfio_bind(host->fd, &cmd));
	cmd.base = GUEST_GPA + 1;
	EXPECT_EQ(-EINVAL, vfio_bind(host->fd, &cmd));
	cmd.base = 1ULL << 52;
	EXPECT_EQ(-ERANGE, vfio_bind(host->fd, &cmd));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(0, cfgi(vm, vm->vsid));
}

/* A reset takes the device away for its time and gives it back as it was. */
TEST(reset_while_bound)
{
	unsigned int num = edu_count();
	struct host host = { 0 };
	unsigned int nth;
	struct vm vm;

	for (nth = 0; nth < num; nth++) {
		container_up_nth(_metadata, &host, VFIO_TYPE1_NESTING_IOMMU,
				 nth, 1);
		if (_metadata->exit_code)
			return;
		if (host.edu[0].flags & VFIO_DEVICE_FLAGS_RESET)
			break;
		host_down(&host);
	}
	if (nth == num)
		SKIP(return, "none of the %u edu devices can be reset", num);
	guest_up(_metadata, &host, &vm, &host.edu[0], VSID);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(&vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	ASSERT_EQ(0, edu_reset(vm.edu));
	ASSERT_EQ(0, edu_enable(vm.edu));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm, page_gpa(&host, PAGE_A)));
	EXPECT_EQ(-EBUSY, vm_bind(&vm));
	host_down(&host);
}
