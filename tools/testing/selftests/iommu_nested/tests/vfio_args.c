// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all ioctls of linux/vfio_nested.h have in common: @argsz, @flags, reserved
 * fields, targets. And those that SMMUs have no use for.
 */

union nested_args {
	struct {
		__u32 argsz;
		__u32 flags;
	};
	struct vfio_nested_bind_pasid_table bind;
	struct vfio_nested_unbind unbind;
	struct vfio_nested_cache_invalidate invalidate;
	struct vfio_nested_bind_msi msi;
	struct vfio_nested_event_fd event_fd;
	struct vfio_nested_bind_guest_pgtbl pgtbl;
	struct vfio_nested_pasid pasid;
	__u8 bytes[256];
};

/* Each fixture variant is one ioctl, that would succeed as it is. */
FIXTURE(args)
{
	struct host host;
	struct vm vm;
	union nested_args args;
};

FIXTURE_VARIANT(args)
{
	unsigned long request;
	__u32 size;
	size_t target;			/* its offset, 0: none */
	size_t reserved;		/* likewise */
};

FIXTURE_VARIANT_ADD(args, bind)
{
	.request = VFIO_NESTED_BIND_PASID_TABLE,
	.size = sizeof(struct vfio_nested_bind_pasid_table),
	.target = offsetof(struct vfio_nested_bind_pasid_table, target),
	.reserved = offsetof(struct vfio_nested_bind_pasid_table, reserved),
};

FIXTURE_VARIANT_ADD(args, unbind)
{
	.request = VFIO_NESTED_UNBIND_PASID_TABLE,
	.size = sizeof(struct vfio_nested_unbind),
	.target = offsetof(struct vfio_nested_unbind, target),
};

FIXTURE_VARIANT_ADD(args, invalidate)
{
	.request = VFIO_NESTED_CACHE_INVALIDATE,
	.size = sizeof(struct vfio_nested_cache_invalidate),
	.reserved = offsetof(struct vfio_nested_cache_invalidate, reserved),
};

FIXTURE_VARIANT_ADD(args, bind_msi)
{
	.request = VFIO_NESTED_BIND_MSI,
	.size = sizeof(struct vfio_nested_bind_msi),
	.target = offsetof(struct vfio_nested_bind_msi, target),
};

FIXTURE_VARIANT_ADD(args, unbind_msi)
{
	.request = VFIO_NESTED_UNBIND_MSI,
	.size = sizeof(struct vfio_nested_unbind),
	.target = offsetof(struct vfio_nested_unbind, target),
};

FIXTURE_VARIANT_ADD(args, event_fd)
{
	.request = VFIO_NESTED_EVENT_FD,
	.size = sizeof(struct vfio_nested_event_fd),
	.reserved = offsetof(struct vfio_nested_event_fd, reserved),
};

#define ARGS_GIOVA	0x7700000000ULL
#define ARGS_GDB	0x08090000ULL

FIXTURE_SETUP(args)
{
	static struct vfio_nested_inv inv = { .caches = VFIO_NESTED_INV_IOTLB };
	union nested_args *args = &self->args;
	struct vm *vm = &self->vm;
	int fd;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	fd = self->host.fd;
	switch (variant->request) {
	case VFIO_NESTED_BIND_PASID_TABLE:
		args->bind = table_of(vm);
		break;
	case VFIO_NESTED_UNBIND_PASID_TABLE:
		ASSERT_EQ(0, vm_bind(vm));
		args->unbind.target = device_of(vm->edu);
		break;
	case VFIO_NESTED_CACHE_INVALIDATE:
		args->invalidate.entry_size = sizeof(inv);
		args->invalidate.entries = (uintptr_t)&inv;
		args->invalidate.count = 1;
		break;
	case VFIO_NESTED_BIND_MSI:
		args->msi.target = group_of(vm->edu);
		args->msi.giova = ARGS_GIOVA;
		args->msi.gdb = ARGS_GDB;
		args->msi.size = GUEST_PAGE;
		break;
	case VFIO_NESTED_UNBIND_MSI:
		ASSERT_EQ(0, vfio_bind_msi(fd, group_of(vm->edu), ARGS_GIOVA,
					   ARGS_GDB, GUEST_PAGE));
		args->unbind.target = group_of(vm->edu);
		break;
	case VFIO_NESTED_EVENT_FD:
		args->event_fd.depth = 1;
		break;
	}
	args->argsz = variant->size;
}

FIXTURE_TEARDOWN(args)
{
	host_down(&self->host);
}

/* Every refusal here must leave the arguments good for a success afterwards. */
static int try_args(const struct host *host, unsigned long request,
		    const union nested_args *args)
{
	union nested_args copy = *args;

	return vfio_ioctl(host->fd, request, &copy);
}

#define EXPECT_REFUSED(rc, args) \
	EXPECT_EQ(rc, try_args(&self->host, variant->request, &(args)))

#define EXPECT_TAKEN() \
	EXPECT_LE(0, try_args(&self->host, variant->request, &self->args))

TEST_F(args, argsz)
{
	union nested_args args = self->args;
	__u32 size;

	for (size = 0; size < variant->size; size++) {
		args.argsz = size;
		EXPECT_REFUSED(-EINVAL, args) {
			TH_LOG("argsz %u", size);
		}
	}
	/* What a newer user asks for in addition, this kernel can't do. */
	args.argsz = sizeof(args);
	args.bytes[variant->size] = 1;
	EXPECT_REFUSED(-E2BIG, args);
	args.bytes[variant->size] = 0;
	args.bytes[sizeof(args) - 1] = 0x80;
	EXPECT_REFUSED(-E2BIG, args);
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->host.fd, variant->request, BAD_VA));
	EXPECT_TAKEN();
}

TEST_F(args, longer_with_zeroes)
{
	self->args.argsz = sizeof(self->args);
	EXPECT_TAKEN();
}

/* The structure's end is at the end of what can be read. */
TEST_F(args, next_to_nothing)
{
	unsigned char *va;

	va = mmap(NULL, 2 * GUEST_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	ASSERT_EQ(0, munmap(va + GUEST_PAGE, GUEST_PAGE));
	va += GUEST_PAGE - variant->size;
	self->args.argsz = variant->size + 8;
	memcpy(va, &self->args, variant->size);
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->host.fd, variant->request, va));
	self->args.argsz = variant->size;
	memcpy(va, &self->args, variant->size);
	EXPECT_LE(0, vfio_ioctl(self->host.fd, variant->request, va));
}

TEST_F(args, flags)
{
	__u32 known = variant->request == VFIO_NESTED_BIND_PASID_TABLE ?
		      VFIO_NESTED_BIND_DEVICE_ID | VFIO_NESTED_BIND_REPLACE |
		      VFIO_NESTED_BIND_DEV_IOTLB : 0;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		union nested_args args = self->args;

		if (known & BIT(bit))
			continue;
		args.flags |= BIT(bit);
		EXPECT_REFUSED(-EINVAL, args) {
			TH_LOG("flag %u", bit);
		}
	}
	EXPECT_TAKEN();
}

TEST_F(args, reserved)
{
	unsigned int bit;

	/* Those of the target are all that some have. */
	if (!variant->reserved && !variant->target)
		return;
	for (bit = 0; bit < 64; bit++) {
		size_t at = bit < 32 ? variant->reserved : variant->target ?
			    variant->target + offsetof(struct vfio_nested_target,
						       reserved) : 0;
		union nested_args args = self->args;

		if (!at)
			continue;
		args.bytes[at + bit % 32 / 8] |= BIT(bit % 8);
		EXPECT_REFUSED(-EINVAL, args) {
			TH_LOG("bit %u at %zu", bit % 32, at);
		}
	}
	EXPECT_TAKEN();
}

static struct vfio_nested_target *target_in(union nested_args *args,
					    size_t offset)
{
	return (void *)&args->bytes[offset];
}

/* An ioctl that has a target, with another one. */
#define EXPECT_TARGET_REFUSED(rc, ...) do {				\
	union nested_args args = self->args;				\
									\
	*target_in(&args, variant->target) =				\
		(struct vfio_nested_target){ __VA_ARGS__ };		\
	EXPECT_REFUSED(rc, args) {					\
		TH_LOG("target " #__VA_ARGS__);				\
	}								\
} while (0)

TEST_F(args, target)
{
	const bool devices = variant->request == VFIO_NESTED_BIND_PASID_TABLE ||
			     variant->request == VFIO_NESTED_UNBIND_PASID_TABLE;
	static char endless[GUEST_PAGE];
	struct edu *edu = self->vm.edu;
	struct edu other = { 0 };
	int closed, container;

	if (!variant->target)
		return;
	memset(endless, 'x', sizeof(endless) - 1);
	closed = dup(edu->group);
	ASSERT_LE(0, closed);
	close(closed);
	EXPECT_TARGET_REFUSED(-EBADF, .group_fd = closed);
	EXPECT_TARGET_REFUSED(-EBADF, .group_fd = -2);
	EXPECT_TARGET_REFUSED(-EBADF, .group_fd = 0x7fffffff);
	EXPECT_TARGET_REFUSED(-EINVAL, .group_fd = self->host.fd);
	EXPECT_TARGET_REFUSED(-EINVAL, .group_fd = edu->fd);
	EXPECT_TARGET_REFUSED(-EINVAL, .group_fd = STDIN_FILENO);
	EXPECT_TARGET_REFUSED(-EINVAL, .group_fd = -1,
			      .device = (uintptr_t)edu->bdf);
	if (devices) {
		EXPECT_TARGET_REFUSED(-EFAULT, .group_fd = edu->group,
				      .device = (uintptr_t)BAD_VA);
		EXPECT_TARGET_REFUSED(-ENAMETOOLONG, .group_fd = edu->group,
				      .device = (uintptr_t)endless);
		EXPECT_TARGET_REFUSED(-ENODEV, .group_fd = edu->group,
				      .device = (uintptr_t)"0000:00:1f.7");
		EXPECT_TARGET_REFUSED(-ENODEV, .group_fd = edu->group,
				      .device = (uintptr_t)"");
	} else {
		EXPECT_TARGET_REFUSED(-EINVAL, .group_fd = edu->group,
				      .device = (uintptr_t)edu->bdf);
	}

	/* Another group: of no container, then of another one */
	if (edu_count() < 2)
		SKIP(return, "2 edu devices are needed");
	container = vfio_open();
	ASSERT_LE(0, container);
	ASSERT_EQ(0, edu_open_group(&other, 1, container));
	EXPECT_TARGET_REFUSED(-ENODEV, .group_fd = other.group);
	ASSERT_EQ(0, vfio_set_iommu(container, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_TARGET_REFUSED(-ENODEV, .group_fd = other.group);
	edu_close(&other);
	close(container);

	EXPECT_TAKEN();
}

/* Of hardware whose PASID tables are the host's: not here, and not in GET_INFO. */
TEST(ops_of_other_hardware)
{
	static const struct {
		unsigned long request;
		__u32 size;
	} ops[] = {
		{ VFIO_NESTED_BIND_GUEST_PGTBL,
		  sizeof(struct vfio_nested_bind_guest_pgtbl) },
		{ VFIO_NESTED_UNBIND_GUEST_PGTBL,
		  sizeof(struct vfio_nested_bind_guest_pgtbl) },
		{ VFIO_NESTED_PASID_ALLOC, sizeof(struct vfio_nested_pasid) },
		{ VFIO_NESTED_PASID_FREE, sizeof(struct vfio_nested_pasid) },
	};
	const struct vfio_nested_info_cap *cap;
	struct host host = { 0 };
	union info info;
	unsigned int i;

	groups_up(_metadata, &host, VFIO_TYPE1_NESTING_IOMMU, 0, 1);
	if (_metadata->exit_code)
		return;
	cap = info_get(_metadata, host.fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ(0ULL, cap->ops & (VFIO_NESTED_OP_BIND_GUEST_PGTBL |
				    VFIO_NESTED_OP_PASID_REQUEST));
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		union nested_args args = { .argsz = ops[i].size };

		EXPECT_EQ(-EOPNOTSUPP, try_args(&host, ops[i].request, &args)) {
			TH_LOG("ioctl %u", i);
		}
	}
	host_down(&host);
}
