"""Migrations 0001 to 0004 in one step, for new databases: each altered table costs a start and a test."""

import agi_site.lib.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('tools', '0001_initial'),
        ('tools', '0002_policies_approvals_sources'),
        ('tools', '0003_ledger_of_calls'),
        ('tools', '0004_sources_by_document'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0002_webhooks'),
        ('accounts', '__first__'),
        ('sandbox', '0001_squashed_0005_user_status'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tool',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
                ('category', models.CharField(blank=True, db_index=True, max_length=50, null=True, verbose_name='category')),
                ('version', models.CharField(blank=True, max_length=20, null=True, verbose_name='version')),
                ('enabled', models.BooleanField(blank=True, db_default=True, default=True, null=True, verbose_name='enabled')),
                ('exec_env', agi_site.lib.fields.EnumField(blank=True, choices=[('host', 'host'), ('sandbox', 'sandbox'), ('both', 'both')], db_default='host', db_index=True, default='host', max_length=7, null=True, verbose_name='exec env')),
                ('created_at', agi_site.lib.fields.CreatedAtField(null=True, verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('program', 'part of this program'), ('script', 'script in a sandbox'), ('mcp', 'MCP server'), ('openapi', 'OpenAPI operation')], db_default='program', default='program', max_length=7, verbose_name='kind')),
                ('remote_name', models.CharField(blank=True, max_length=200, null=True, verbose_name='name at the source')),
                ('details', models.JSONField(blank=True, null=True, verbose_name='details')),
                ('script', models.TextField(blank=True, null=True, verbose_name='script')),
                ('interpreter', models.CharField(blank=True, max_length=20, null=True, verbose_name='interpreter')),
                ('timeout_seconds', models.PositiveIntegerField(blank=True, null=True, verbose_name='timeout (seconds)')),
                ('retry_safe', models.BooleanField(db_default=False, default=False, verbose_name='safe to run again')),
                ('max_retries', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='max retries')),
                ('max_concurrent', models.PositiveIntegerField(blank=True, null=True, verbose_name='at a time')),
                ('rate_limit', models.CharField(blank=True, db_default='', default='', max_length=20, verbose_name='rate limit per person')),
            ],
            options={
                'verbose_name': 'tool',
                'verbose_name_plural': 'tools',
                'db_table': 'tool',
                'constraints': [models.CheckConstraint(condition=models.Q(('exec_env__in', ['host', 'sandbox', 'both'])), name='tool_exec_env_enum'), models.CheckConstraint(condition=models.Q(('kind__in', ['program', 'script', 'mcp', 'openapi'])), name='tool_kind_enum')],
            },
        ),
        migrations.CreateModel(
            name='ToolPolicy',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('category', models.CharField(blank=True, max_length=50, null=True, verbose_name='category')),
                ('effect', agi_site.lib.fields.EnumField(choices=[('allow', 'allow'), ('ask', 'ask first'), ('deny', 'deny')], max_length=5, verbose_name='effect')),
                ('approver', agi_site.lib.fields.EnumField(choices=[('self', 'the person it runs for'), ('operator', 'an operator')], db_default='self', default='self', max_length=8, verbose_name='approver')),
                ('unattended', agi_site.lib.fields.EnumField(choices=[('allow', 'allow'), ('ask', 'ask first'), ('deny', 'deny')], db_default='deny', default='deny', max_length=5, verbose_name='unattended')),
                ('expires_seconds', models.PositiveIntegerField(blank=True, null=True, verbose_name='approval expires after (seconds)')),
                ('exec_env', agi_site.lib.fields.EnumField(blank=True, choices=[('host', 'host'), ('sandbox', 'sandbox')], max_length=7, null=True, verbose_name='exec env')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='reason')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('role', models.ForeignKey(blank=True, help_text='Empty: everyone.', null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='tool_policies', to='accounts.role', verbose_name='role')),
                ('tool', models.ForeignKey(blank=True, help_text='Empty: every tool, or every tool of the category.', null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='policies', to='tools.tool', verbose_name='tool')),
            ],
            options={
                'verbose_name': 'tool policy',
                'verbose_name_plural': 'tool policies',
                'db_table': 'tool_policy',
                'constraints': [models.CheckConstraint(condition=models.Q(('effect__in', ['allow', 'ask', 'deny'])), name='tool_policy_effect_enum'), models.CheckConstraint(condition=models.Q(('approver__in', ['self', 'operator'])), name='tool_policy_approver_enum'), models.CheckConstraint(condition=models.Q(('unattended__in', ['allow', 'ask', 'deny'])), name='tool_policy_unattended_enum'), models.CheckConstraint(condition=models.Q(('exec_env__in', ['host', 'sandbox'])), name='tool_policy_exec_env_enum'), models.CheckConstraint(condition=models.Q(('tool__isnull', True), ('category__isnull', True), _connector='OR'), name='tool_policy_tool_or_category')],
            },
        ),
        migrations.CreateModel(
            name='ToolExecution',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('parameters', models.JSONField(blank=True, null=True, verbose_name='parameters')),
                ('result', models.JSONField(blank=True, null=True, verbose_name='result')),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('pending', 'pending'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed')], db_default='pending', db_index=True, default='pending', max_length=9, null=True, verbose_name='status')),
                ('error_message', models.TextField(blank=True, null=True, verbose_name='error message')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, null=True, verbose_name='created at')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('trigger_type', models.CharField(blank=True, max_length=50, null=True, verbose_name='trigger type')),
                ('trigger_id', models.CharField(blank=True, max_length=36, null=True, verbose_name='trigger id')),
                ('conversation', models.CharField(blank=True, db_default='', default='', max_length=36, verbose_name='conversation')),
                ('ran_in', agi_site.lib.fields.EnumField(blank=True, choices=[('host', 'host'), ('sandbox', 'sandbox')], max_length=7, null=True, verbose_name='ran in')),
                ('policy_effect', models.CharField(blank=True, db_default='', default='', max_length=10, verbose_name='policy effect')),
                ('error_code', models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='error code')),
                ('attempt', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='attempt')),
                ('idempotency_key', agi_site.lib.fields.ExactCharField(blank=True, max_length=100, null=True, verbose_name='idempotency key')),
                ('asked_through', models.CharField(blank=True, db_default='', default='', max_length=20, verbose_name='asked through')),
                ('unattended', models.BooleanField(db_default=False, default=False, verbose_name='unattended')),
                ('language', models.CharField(blank=True, db_default='', default='', max_length=10, verbose_name='language')),
                ('deadline_at', models.DateTimeField(blank=True, null=True, verbose_name='deadline')),
                ('stop_requested_at', models.DateTimeField(blank=True, null=True, verbose_name='stop requested at')),
                ('awaits_type', models.CharField(blank=True, db_default='', default='', max_length=50, verbose_name='awaits type')),
                ('awaits_id', models.CharField(blank=True, db_default='', default='', max_length=36, verbose_name='awaits id')),
                ('result_file', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='result file')),
                ('result_size', models.BigIntegerField(blank=True, null=True, verbose_name='result size (bytes)')),
                ('sandbox', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='tool_executions', to='sandbox.sandbox', verbose_name='sandbox')),
                ('tool', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='executions', to='tools.tool', verbose_name='tool')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='tool_executions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('policy', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='executions', to='tools.toolpolicy', verbose_name='policy')),
            ],
            options={
                'verbose_name': 'tool execution',
                'verbose_name_plural': 'tool executions',
                'db_table': 'tool_execution',
                'indexes': [models.Index(fields=['trigger_id', 'trigger_type'], name='tool_execution_trigger_idx'), models.Index(fields=['tool', 'status', 'created_at'], name='tool_execution_tool_idx'), models.Index(fields=['user', 'id'], name='tool_execution_history_idx'), models.Index(fields=['awaits_id'], name='tool_execution_awaits_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed'])), name='tool_execution_status_enum'), models.CheckConstraint(condition=models.Q(('ran_in__in', ['host', 'sandbox'])), name='tool_execution_ran_in_enum'), models.UniqueConstraint(fields=('user', 'idempotency_key'), name='tool_execution_idempotency_unique')],
            },
        ),
        migrations.CreateModel(
            name='ToolSource',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('name', models.SlugField(max_length=30, unique=True, verbose_name='name')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('mcp_http', 'MCP server (streamable HTTP)'), ('mcp_stdio', 'MCP server (a program in a sandbox)'), ('openapi', 'OpenAPI document')], max_length=9, verbose_name='kind')),
                ('url', models.CharField(blank=True, max_length=500, null=True, verbose_name='URL')),
                ('document_url', models.CharField(blank=True, max_length=500, null=True, verbose_name='document URL')),
                ('command', models.JSONField(blank=True, null=True, verbose_name='command')),
                ('document', models.JSONField(blank=True, null=True, verbose_name='document')),
                ('secrets', agi_site.lib.fields.SealedJSONField(blank=True, null=True, verbose_name='secrets')),
                ('enabled', models.BooleanField(db_default=True, default=True, verbose_name='enabled')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('synced_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='synced at')),
                ('error_message', models.TextField(blank=True, editable=False, null=True, verbose_name='error message')),
                ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'tool source',
                'verbose_name_plural': 'tool sources',
                'db_table': 'tool_source',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['mcp_http', 'mcp_stdio', 'openapi'])), name='tool_source_kind_enum')],
            },
        ),
        migrations.AddField(
            model_name='tool',
            name='source',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='tools', to='tools.toolsource', verbose_name='source'),
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('target_type', models.CharField(max_length=50, verbose_name='target type')),
                ('target_id', models.CharField(max_length=36, verbose_name='target id')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='reason')),
                ('arguments', models.JSONField(blank=True, null=True, verbose_name='arguments')),
                ('edited_arguments', models.JSONField(blank=True, null=True, verbose_name='edited arguments')),
                ('approver', agi_site.lib.fields.EnumField(choices=[('self', 'the person it runs for'), ('operator', 'an operator')], db_default='self', default='self', max_length=8, verbose_name='approver')),
                ('status', agi_site.lib.fields.EnumField(choices=[('pending', 'waiting'), ('approved', 'approved'), ('rejected', 'rejected'), ('expired', 'expired'), ('canceled', 'canceled')], db_default='pending', default='pending', max_length=8, verbose_name='status')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('note', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='note')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('delegate', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='delegated_approvals', to=settings.AUTH_USER_MODEL, verbose_name='delegate')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='approvals', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'approval',
                'verbose_name_plural': 'approvals',
                'db_table': 'approval',
                'indexes': [models.Index(fields=['status', 'user'], name='approval_inbox_idx'), models.Index(fields=['status', 'expires_at'], name='approval_expiry_idx'), models.Index(fields=['target_id', 'target_type'], name='approval_target_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'approved', 'rejected', 'expired', 'canceled'])), name='approval_status_enum'), models.CheckConstraint(condition=models.Q(('approver__in', ['self', 'operator'])), name='approval_approver_enum')],
            },
        ),
        migrations.CreateModel(
            name='ToolParameter',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
                ('type', models.CharField(max_length=50, verbose_name='type')),
                ('required', models.BooleanField(blank=True, db_default=False, default=False, null=True, verbose_name='required')),
                ('default_value', models.CharField(blank=True, max_length=255, null=True, verbose_name='default value')),
                ('schema', models.JSONField(blank=True, null=True, verbose_name='schema')),
                ('tool', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='parameters', to='tools.tool', verbose_name='tool')),
            ],
            options={
                'verbose_name': 'tool parameter',
                'verbose_name_plural': 'tool parameters',
                'db_table': 'tool_parameter',
                'constraints': [models.UniqueConstraint(fields=('tool', 'name'), name='tool_parameter_tool_name_unique')],
            },
        ),
    ]
