// SPDX-License-Identifier: GPL-2.0-only
/* A guest's commands and objects, while the host works on its stage 2. */

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
		stress_invalidate, stress_invalidate, stress_map,
		stress_attach, stress_objects,
	};
	struct vm *vm = &self->vm;
	struct stress_job job = { .vm = vm, .scratch = self->scratch };

	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(self->host.fd, vm->edu->dev,
					    vm->viommu, vm->ste, &job.other));
	stress_run(_metadata, &job, work, ARRAY_SIZE(work));
}
