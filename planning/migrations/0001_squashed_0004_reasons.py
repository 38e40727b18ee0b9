"""Migrations 0001 to 0004 in one step, for new databases: each altered table costs a start and a test."""

import agi_site.lib.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('planning', '0001_initial'),
        ('planning', '0002_engine'),
        ('planning', '0003_proposals'),
        ('planning', '0004_reasons'),
    ]

    initial = True

    dependencies = [
        ('accounts', '__first__'),
        ('tools', '0001_squashed_0004_sources_by_document'),
    ]

    operations = [
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('pending', 'pending'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('canceled', 'canceled')], db_default='pending', db_index=True, default='pending', max_length=9, null=True, verbose_name='status')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('version', models.PositiveIntegerField(db_default=1, default=1, verbose_name='version')),
                ('is_template', models.BooleanField(db_default=False, default=False, verbose_name='is a template')),
                ('inputs', models.JSONField(blank=True, null=True, verbose_name='inputs')),
                ('budget', models.JSONField(blank=True, null=True, verbose_name='budget')),
                ('trigger_type', models.CharField(blank=True, max_length=50, null=True, verbose_name='trigger type')),
                ('trigger_id', models.CharField(blank=True, max_length=36, null=True, verbose_name='trigger id')),
                ('draft', models.JSONField(blank=True, editable=False, null=True, verbose_name='proposal')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='plans', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'plan',
                'verbose_name_plural': 'plans',
                'db_table': 'plan',
                'indexes': [models.Index(fields=['user', 'is_template', 'id'], name='plan_list_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed', 'canceled'])), name='plan_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='PlanExecution',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('pending', 'pending'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('canceled', 'canceled')], db_default='pending', db_index=True, default='pending', max_length=9, null=True, verbose_name='status')),
                ('started_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('result', models.JSONField(blank=True, null=True, verbose_name='result')),
                ('error_details', models.TextField(blank=True, null=True, verbose_name='error details')),
                ('version', models.PositiveIntegerField(db_default=1, default=1, verbose_name='version')),
                ('inputs', models.JSONField(blank=True, null=True, verbose_name='inputs')),
                ('budget', models.JSONField(blank=True, null=True, verbose_name='budget')),
                ('spent', models.JSONField(blank=True, null=True, verbose_name='spent')),
                ('steps_total', models.PositiveIntegerField(db_default=0, default=0, verbose_name='steps')),
                ('paused_at', models.DateTimeField(blank=True, null=True, verbose_name='paused at')),
                ('unattended', models.BooleanField(db_default=False, default=False, verbose_name='unattended')),
                ('language', models.CharField(blank=True, db_default='', default='', max_length=10, verbose_name='language')),
                ('error_code', models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='error code')),
                ('why', models.JSONField(blank=True, editable=False, null=True, verbose_name='reason as data')),
                ('trigger_type', models.CharField(blank=True, max_length=50, null=True, verbose_name='trigger type')),
                ('trigger_id', models.CharField(blank=True, max_length=36, null=True, verbose_name='trigger id')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='executions', to='planning.plan', verbose_name='plan')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='plan_executions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'plan execution',
                'verbose_name_plural': 'plan executions',
                'db_table': 'plan_execution',
                'indexes': [models.Index(fields=['plan', 'id'], name='plan_execution_history_idx'), models.Index(fields=['trigger_id', 'trigger_type'], name='plan_execution_trigger_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed', 'canceled'])), name='plan_execution_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='PlanSchedule',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('cron', models.CharField(max_length=100, verbose_name='cron expression')),
                ('time_zone', models.CharField(db_default='UTC', default='UTC', max_length=64, verbose_name='time zone')),
                ('inputs', models.JSONField(blank=True, null=True, verbose_name='inputs')),
                ('enabled', models.BooleanField(db_default=True, default=True, verbose_name='enabled')),
                ('next_run_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='next run at')),
                ('error_message', models.TextField(blank=True, default='', editable=False, verbose_name='error message')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('last_execution', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to='planning.planexecution', verbose_name='last execution')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='schedules', to='planning.plan', verbose_name='plan')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='plan_schedules', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'plan schedule',
                'verbose_name_plural': 'plan schedules',
                'db_table': 'plan_schedule',
                'indexes': [models.Index(fields=['enabled', 'next_run_at'], name='plan_schedule_due_idx')],
            },
        ),
        migrations.CreateModel(
            name='PlanStep',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('order_index', models.IntegerField(verbose_name='order index')),
                ('description', models.TextField(verbose_name='description')),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('pending', 'pending'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('skipped', 'skipped')], db_default='pending', db_index=True, default='pending', max_length=9, null=True, verbose_name='status')),
                ('depends_on', models.CharField(blank=True, max_length=255, null=True, verbose_name='depends on')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('execution_details', models.JSONField(blank=True, null=True, verbose_name='execution details')),
                ('key', models.CharField(blank=True, max_length=50, null=True, verbose_name='key')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('tool', 'run a tool'), ('prompt', 'ask the assistant'), ('plan', 'run another plan'), ('approval', 'wait for a person'), ('wait', 'wait for a time'), ('none', 'nothing, a milestone')], db_default='none', default='none', max_length=8, verbose_name='kind')),
                ('tool_name', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='tool')),
                ('arguments', models.JSONField(blank=True, null=True, verbose_name='arguments')),
                ('condition', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='condition')),
                ('for_each', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='for each')),
                ('max_retries', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='max retries')),
                ('retry_seconds', models.PositiveIntegerField(db_default=5, default=5, verbose_name='seconds before a retry')),
                ('timeout_seconds', models.PositiveIntegerField(blank=True, null=True, verbose_name='timeout (seconds)')),
                ('on_failure', agi_site.lib.fields.EnumField(choices=[('stop', 'skip what depends on it'), ('continue', 'go on without its output')], db_default='stop', default='stop', max_length=8, verbose_name='on failure')),
                ('depends_on_rest', models.TextField(blank=True, default='', editable=False, verbose_name='depends on, continued')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='steps', to='planning.plan', verbose_name='plan')),
                ('sub_plan', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='used_in', to='planning.plan', verbose_name='sub-plan')),
            ],
            options={
                'verbose_name': 'plan step',
                'verbose_name_plural': 'plan steps',
                'db_table': 'plan_step',
                'constraints': [models.UniqueConstraint(fields=('plan', 'order_index'), name='plan_step_plan_order_index_unique'), models.UniqueConstraint(fields=('plan', 'key'), name='plan_step_plan_key_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed', 'skipped'])), name='plan_step_status_enum'), models.CheckConstraint(condition=models.Q(('kind__in', ['tool', 'prompt', 'plan', 'approval', 'wait', 'none'])), name='plan_step_kind_enum'), models.CheckConstraint(condition=models.Q(('on_failure__in', ['stop', 'continue'])), name='plan_step_on_failure_enum')],
            },
        ),
        migrations.CreateModel(
            name='PlanStepExecution',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('item_index', models.PositiveIntegerField(blank=True, null=True, verbose_name='item')),
                ('order_index', models.IntegerField(verbose_name='order index')),
                ('key', models.CharField(max_length=50, verbose_name='key')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('tool', 'run a tool'), ('prompt', 'ask the assistant'), ('plan', 'run another plan'), ('approval', 'wait for a person'), ('wait', 'wait for a time'), ('none', 'nothing, a milestone')], max_length=8, verbose_name='kind')),
                ('spec', models.JSONField(verbose_name='spec')),
                ('status', agi_site.lib.fields.EnumField(choices=[('pending', 'waiting for other steps'), ('ready', 'ready'), ('running', 'running'), ('waiting', 'waiting'), ('completed', 'completed'), ('failed', 'failed'), ('skipped', 'skipped')], db_default='pending', default='pending', max_length=9, verbose_name='status')),
                ('remaining', models.IntegerField(db_default=0, default=0, verbose_name='remaining')),
                ('dependents', models.JSONField(default=list, verbose_name='dependents')),
                ('attempt', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='attempt')),
                ('available_at', models.DateTimeField(blank=True, null=True, verbose_name='available at')),
                ('claimed_by', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='claimed by')),
                ('input', models.JSONField(blank=True, null=True, verbose_name='input')),
                ('output', models.JSONField(blank=True, null=True, verbose_name='output')),
                ('usage', models.JSONField(blank=True, null=True, verbose_name='usage')),
                ('error_message', models.TextField(blank=True, default='', verbose_name='error message')),
                ('error_code', models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='error code')),
                ('why', models.JSONField(blank=True, editable=False, null=True, verbose_name='reason as data')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('execution', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='steps', to='planning.planexecution', verbose_name='execution')),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='items', to='planning.planstepexecution', verbose_name='parent')),
                ('step', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='executions', to='planning.planstep', verbose_name='step')),
                ('tool_execution', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='plan_step_executions', to='tools.toolexecution', verbose_name='tool execution')),
            ],
            options={
                'verbose_name': 'plan step execution',
                'verbose_name_plural': 'plan step executions',
                'db_table': 'plan_step_execution',
                'indexes': [models.Index(fields=['execution', 'status', 'order_index'], name='plan_step_execution_claim_idx'), models.Index(fields=['status', 'available_at'], name='plan_step_execution_timer_idx')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'key', 'item_index'), name='plan_step_execution_key_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'ready', 'running', 'waiting', 'completed', 'failed', 'skipped'])), name='plan_step_execution_status_enum'), models.CheckConstraint(condition=models.Q(('kind__in', ['tool', 'prompt', 'plan', 'approval', 'wait', 'none'])), name='plan_step_execution_kind_enum')],
            },
        ),
    ]
