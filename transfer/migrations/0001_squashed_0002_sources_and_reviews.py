"""Migrations 0001 to 0002 in one step, for new databases: each altered table costs a start and a test."""

import agi_site.lib.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('transfer', '0001_initial'),
        ('transfer', '0002_sources_and_reviews'),
    ]

    initial = True

    dependencies = [
        ('accounts', '__first__'),
        ('knowledge', '0001_squashed_0006_next_vectors'),
    ]

    operations = [
        migrations.CreateModel(
            name='DomainOntology',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('domain', models.CharField(max_length=100, verbose_name='domain')),
                ('concept', models.CharField(db_index=True, max_length=255, verbose_name='concept')),
                ('definition', models.TextField(verbose_name='definition')),
                ('relationships', models.JSONField(blank=True, null=True, verbose_name='relationships')),
                ('attributes', models.JSONField(blank=True, null=True, verbose_name='attributes')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
            ],
            options={
                'verbose_name': 'domain ontology',
                'verbose_name_plural': 'domain ontologies',
                'db_table': 'domain_ontology',
                'constraints': [models.UniqueConstraint(fields=('domain', 'concept'), name='domain_ontology_domain_concept_unique')],
            },
        ),
        migrations.CreateModel(
            name='KnowledgeDomain',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('title', models.CharField(blank=True, max_length=255, null=True, verbose_name='title')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
                ('iri', models.CharField(blank=True, max_length=500, null=True, verbose_name='address')),
                ('concept_count', models.IntegerField(db_default=0, default=0, editable=False, verbose_name='concepts')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'knowledge domain',
                'verbose_name_plural': 'knowledge domains',
                'db_table': 'knowledge_domain',
            },
        ),
        migrations.CreateModel(
            name='KnowledgeSource',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('domain', models.CharField(db_index=True, max_length=100, verbose_name='domain')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
                ('connection_info', agi_site.lib.fields.SealedJSONField(blank=True, null=True, verbose_name='connection info')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('is_active', models.BooleanField(blank=True, db_default=True, db_index=True, default=True, null=True, verbose_name='is active')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('file', 'files'), ('http', 'web address'), ('sql', 'database'), ('instance', 'another instance')], db_default='file', default='file', max_length=8, verbose_name='kind')),
                ('status', agi_site.lib.fields.EnumField(choices=[('idle', 'not yet read'), ('waiting', 'waiting'), ('running', 'being read'), ('completed', 'up to date'), ('failed', 'failed')], db_default='idle', default='idle', editable=False, max_length=9, verbose_name='status')),
                ('reason', models.TextField(blank=True, editable=False, null=True, verbose_name='reason')),
                ('checkpoint', models.JSONField(blank=True, editable=False, null=True, verbose_name='checkpoint')),
                ('counts', models.JSONField(blank=True, editable=False, null=True, verbose_name='counts')),
                ('synced_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last read')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'knowledge source',
                'verbose_name_plural': 'knowledge sources',
                'db_table': 'knowledge_source',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['file', 'http', 'sql', 'instance'])), name='knowledge_source_kind_enum'), models.CheckConstraint(condition=models.Q(('status__in', ['idle', 'waiting', 'running', 'completed', 'failed'])), name='knowledge_source_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='KnowledgeSourceItem',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('key', agi_site.lib.fields.ExactCharField(max_length=64, verbose_name='key')),
                ('external_id', models.CharField(max_length=500, verbose_name='external id')),
                ('content_hash', agi_site.lib.fields.ExactCharField(max_length=64, verbose_name='content hash')),
                ('round', agi_site.lib.fields.ExactCharField(max_length=36, verbose_name='round')),
                ('reason', models.TextField(blank=True, null=True, verbose_name='reason')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('knowledge', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to='knowledge.knowledge', verbose_name='knowledge')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='items', to='transfer.knowledgesource', verbose_name='knowledge source')),
            ],
            options={
                'verbose_name': 'item of a knowledge source',
                'verbose_name_plural': 'items of knowledge sources',
                'db_table': 'knowledge_source_item',
                'constraints': [models.UniqueConstraint(fields=('source', 'key'), name='knowledge_source_item_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='TransferTask',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('source_id', models.CharField(db_index=True, max_length=36, verbose_name='source id')),
                ('target_id', models.CharField(db_index=True, max_length=36, verbose_name='target id')),
                ('task_type', models.CharField(db_index=True, max_length=100, verbose_name='task type')),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('pending', 'pending'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed')], db_default='pending', db_index=True, default='pending', max_length=9, null=True, verbose_name='status')),
                ('parameters', models.JSONField(blank=True, null=True, verbose_name='parameters')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('result', models.JSONField(blank=True, null=True, verbose_name='result')),
                ('error_message', models.TextField(blank=True, null=True, verbose_name='error message')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'transfer task',
                'verbose_name_plural': 'transfer tasks',
                'db_table': 'transfer_task',
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed'])), name='transfer_task_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='TransferMetric',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('metric_name', models.CharField(db_index=True, max_length=100, verbose_name='metric name')),
                ('metric_value', models.DecimalField(decimal_places=6, max_digits=10, verbose_name='metric value')),
                ('timestamp', agi_site.lib.fields.CreatedAtField(verbose_name='timestamp')),
                ('transfer_task', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='metrics', to='transfer.transfertask', verbose_name='transfer task')),
            ],
            options={
                'verbose_name': 'transfer metric',
                'verbose_name_plural': 'transfer metrics',
                'db_table': 'transfer_metric',
            },
        ),
        migrations.CreateModel(
            name='ConceptRelation',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('domain', models.CharField(max_length=100, verbose_name='domain')),
                ('type', models.CharField(max_length=255, verbose_name='type')),
                ('target', models.CharField(max_length=255, verbose_name='target')),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='links', to='transfer.domainontology', verbose_name='concept')),
            ],
            options={
                'verbose_name': 'relation of a concept',
                'verbose_name_plural': 'relations of concepts',
                'db_table': 'concept_relation',
                'indexes': [models.Index(fields=['domain', 'target'], name='concept_relation_target_idx')],
            },
        ),
        migrations.CreateModel(
            name='KnowledgeMapping',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('source_concept', models.CharField(db_index=True, max_length=255, verbose_name='source concept')),
                ('target_concept', models.CharField(db_index=True, max_length=255, verbose_name='target concept')),
                ('source_domain', models.CharField(max_length=100, verbose_name='source domain')),
                ('target_domain', models.CharField(max_length=100, verbose_name='target domain')),
                ('relation_type', models.CharField(db_index=True, max_length=100, verbose_name='relation type')),
                ('confidence', models.DecimalField(db_index=True, decimal_places=4, max_digits=5, verbose_name='confidence')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('status', agi_site.lib.fields.EnumField(choices=[('candidate', 'proposed'), ('accepted', 'accepted'), ('rejected', 'rejected')], db_default='candidate', default='candidate', max_length=9, verbose_name='status')),
                ('parts', models.JSONField(blank=True, editable=False, null=True, verbose_name='explanation')),
                ('reviewed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='reviewed at')),
                ('reviewed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reviewed by')),
            ],
            options={
                'verbose_name': 'knowledge mapping',
                'verbose_name_plural': 'knowledge mappings',
                'db_table': 'knowledge_mapping',
                'indexes': [models.Index(fields=['source_domain', 'target_domain'], name='knowledge_mapping_source_d_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('confidence__range', (0, 1))), name='knowledge_mapping_confidence_range'), models.CheckConstraint(condition=models.Q(('status__in', ['candidate', 'accepted', 'rejected'])), name='knowledge_mapping_status_enum')],
            },
        ),
    ]
