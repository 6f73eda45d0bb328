// SPDX-License-Identifier: GPL-2.0-only
/* Many CPUs at once: what is mapped throughout stays reachable throughout. */

#define STRESS_DMAS		30
#define STRESS_SCRATCH_GPA	(EXTRA_GPA + MIB(16))

FIXTURE(stress)
{
	struct host host;
	struct vm vm;
	void *scratch;
};

FIXTURE_SETUP(stress)
{
	struct vm *vm = &self->vm;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	self->scratch = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->scratch);
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
}

FIXTURE_TEARDOWN(stress)
{
	host_down(&self->host);
}

struct stress_job {
	struct vm *vm;
	void *scratch;
	__u32 other;			/* a second HWPT of the same tables */
	bool stop;			/* atomic */
	unsigned long rounds;		/* of this thread, none failed */
	int rc;
};

static bool stress_goes_on(struct stress_job *job)
{
	return !job->rc && !__atomic_load_n(&job->stop, __ATOMIC_RELAXED);
}

static void *stress_invalidate(void *arg)
{
	struct stress_job *job = arg;
	struct vm *vm = job->vm;
	const struct smmu_cmd cmds[] = {
		smmu_tlbi_va(ASID, IOVA), smmu_cfgi_cd(vm->vsid, 0),
		smmu_tlbi_asid(ASID), smmu_cmd(CMD_TLBI_NH_ALL),
		smmu_cfgi_cd_all(vm->vsid), smmu_tlbi_vaa(IOVA),
	};

	while (stress_goes_on(job)) {
		unsigned int num = 1 + job->rounds % ARRAY_SIZE(cmds);
		__u32 done;

		job->rc = vm_invalidate_n(vm, cmds, num, &done);
		if (!job->rc && done != num)
			job->rc = -EPROTO;
		job->rounds++;
	}
	return NULL;
}

/* The host maps and unmaps memory of the guest that nobody uses just now. */
static void *stress_stage2(void *arg)
{
	struct stress_job *job = arg;
	struct host *host = job->vm->host;

	while (stress_goes_on(job)) {
		job->rc = iommufd_ioas_map(host->fd, host->ioas, job->scratch,
					   MIB(1), STRESS_SCRATCH_GPA);
		if (!job->rc)
			job->rc = iommufd_ioas_unmap(host->fd, host->ioas,
						     STRESS_SCRATCH_GPA, MIB(1));
		job->rounds++;
	}
	return NULL;
}

/* The guest rewrites its STE to one that means the same. */
static void *stress_attach(void *arg)
{
	struct stress_job *job = arg;
	struct vm *vm = job->vm;

	while (stress_goes_on(job)) {
		job->rc = edu_attach(vm->edu, job->rounds % 2 ? vm->hwpt :
				     job->other);
		job->rounds++;
	}
	return NULL;
}

/* vIOMMUs and vDEVICE-less HWPTs come and go beside the live one. */
static void *stress_objects(void *arg)
{
	const __u64 abort[2] = { STE0_V | STE0_CONFIG(STE_CONFIG_ABORT), 0 };
	struct stress_job *job = arg;
	struct host *host = job->vm->host;
	__u32 viommu, hwpt;

	while (stress_goes_on(job)) {
		job->rc = iommufd_viommu_alloc(host->fd, job->vm->edu->dev,
					       host->s2,
					       IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
					       &viommu);
		if (!job->rc)
			job->rc = iommufd_hwpt_alloc_ste(host->fd,
							 job->vm->edu->dev,
							 viommu, abort, &hwpt);
		if (!job->rc)
			job->rc = iommufd_destroy(host->fd, hwpt);
		if (!job->rc)
			job->rc = iommufd_destroy(host->fd, viommu);
		job->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(stress, everything_at_once, 120)
{
	static void *(*const work[])(void *) = {
		stress_invalidate, stress_invalidate, stress_stage2,
		stress_attach, stress_objects,
	};
	struct stress_job jobs[ARRAY_SIZE(work)];
	pthread_t threads[ARRAY_SIZE(work)];
	struct vm *vm = &self->vm;
	unsigned int i;
	__u32 other;

	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(self->host.fd, vm->edu->dev,
					    vm->viommu, vm->ste, &other));
	for (i = 0; i < ARRAY_SIZE(work); i++) {
		jobs[i] = (struct stress_job){
			.vm = vm, .scratch = self->scratch, .other = other,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, work[i],
					    &jobs[i]));
	}
	for (i = 0; i < STRESS_DMAS; i++)
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
			TH_LOG("DMA %u", i);
		}
	for (i = 0; i < ARRAY_SIZE(work); i++) {
		__atomic_store_n(&jobs[i].stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, jobs[i].rc) {
			TH_LOG("thread %u, round %lu", i, jobs[i].rounds);
		}
		EXPECT_LT(0UL, jobs[i].rounds);
	}
}
