"""Reinforcement learning: states, rewards, policies, episodes and actions (the seed's section 5.13)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, UpdatedAtField, UUIDKey
from agi_site.lib.owned import OwnedModel, SharedModel


class RLAgentState(SharedModel):
    """A state an agent was in (table `rl_agent_state`, 5.13.1)."""

    shared_because = "an agent learns from everyone"

    id = UUIDKey()
    agent_id = models.CharField(_("agent id"), max_length=100, db_index=True)
    state_representation = models.JSONField(_("state representation"))
    timestamp = CreatedAtField(_("timestamp"), db_index=True)
    metadata = models.JSONField(_("metadata"), null=True, blank=True)

    class Meta:
        db_table = "rl_agent_state"
        verbose_name = _("agent state")
        verbose_name_plural = _("agent states")

    def __str__(self) -> str:
        return str(self.pk)


class RewardSignal(OwnedModel):
    """A reward an agent was given (table `reward_signal`, 5.13.2)."""

    owner_path = "user"

    id = UUIDKey()
    agent_id = models.CharField(_("agent id"), max_length=100, db_index=True)
    trigger_id = models.CharField(_("trigger id"), max_length=36)
    trigger_type = models.CharField(_("trigger type"), max_length=50)
    reward_value = models.DecimalField(_("reward value"), max_digits=10, decimal_places=6)
    reward_source = models.CharField(_("reward source"), max_length=100, db_index=True)
    timestamp = CreatedAtField(_("timestamp"), db_index=True)
    context = models.JSONField(_("context"), null=True, blank=True)
    # Beyond the seed; the README says why.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_CASCADE,
        null=True,
        blank=True,
        related_name="reward_signals",
        verbose_name=_("user"),
    )

    class Meta:
        db_table = "reward_signal"
        verbose_name = _("reward signal")
        verbose_name_plural = _("reward signals")
        indexes = [
            models.Index(fields=["trigger_id", "trigger_type"], name="reward_signal_trigger_trig_idx"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RLPolicy(SharedModel):
    """A policy of an agent, by version (table `rl_policy`, 5.13.3)."""

    shared_because = "an agent's policy holds for everyone"

    id = UUIDKey()
    agent_id = models.CharField(_("agent id"), max_length=100)
    name = models.CharField(_("name"), max_length=100)
    version = models.CharField(_("version"), max_length=50)
    parameters = models.JSONField(_("parameters"))
    performance_metrics = models.JSONField(_("performance metrics"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=False, db_default=False
    )

    class Meta:
        db_table = "rl_policy"
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints = [
            models.UniqueConstraint(
                fields=["agent_id", "name", "version"], name="rl_policy_agent_name_version_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class RLEpisode(SharedModel):
    """One episode of an agent under a policy (table `rl_episode`, 5.13.4)."""

    shared_because = "an agent learns from everyone"

    id = UUIDKey()
    agent_id = models.CharField(_("agent id"), max_length=100, db_index=True)
    policy = models.ForeignKey(RLPolicy, models.DB_CASCADE, related_name="episodes", verbose_name=_("policy"))
    start_time = CreatedAtField(_("start time"), db_index=True)
    end_time = models.DateTimeField(_("end time"), null=True, blank=True)
    total_reward = models.DecimalField(
        _("total reward"), max_digits=12, decimal_places=6, null=True, blank=True
    )
    steps_count = models.IntegerField(_("steps count"), null=True, blank=True, default=0, db_default=0)
    success = models.BooleanField(_("success"), null=True, blank=True)
    metadata = models.JSONField(_("metadata"), null=True, blank=True)

    class Meta:
        db_table = "rl_episode"
        verbose_name = _("episode")
        verbose_name_plural = _("episodes")

    def __str__(self) -> str:
        return str(self.pk)


class RLAction(SharedModel):
    """One step of an episode (table `rl_action`, 5.13.5)."""

    shared_because = "an agent learns from everyone"

    id = UUIDKey()
    episode = models.ForeignKey(
        RLEpisode, models.DB_CASCADE, related_name="actions", verbose_name=_("episode")
    )
    state = models.ForeignKey(
        RLAgentState, models.DB_CASCADE, related_name="actions", verbose_name=_("state")
    )
    action_type = models.CharField(_("action type"), max_length=100, db_index=True)
    action_details = models.JSONField(_("action details"))
    step_number = models.IntegerField(_("step number"), db_index=True)
    reward = models.DecimalField(_("reward"), max_digits=10, decimal_places=6, null=True, blank=True)
    timestamp = CreatedAtField(_("timestamp"))

    class Meta:
        db_table = "rl_action"
        verbose_name = _("action")
        verbose_name_plural = _("actions")

    def __str__(self) -> str:
        return str(self.action_type)
