"""Migrations 0001 to 0006 in one step, for new databases: each altered table costs a start and a test."""

import agi_site.lib.fields
import agi_site.lib.fulltext.table
import django.db.models.deletion
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from agi_site.lib.fulltext import AddFullText


# The seed's FULLTEXT(title, content). Searching uses the companion table, which finds the same on every engine.
INDEX = "knowledge_title_content_fulltext"


def add_seed_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    parser = "" if connection.mysql_is_mariadb else " WITH PARSER ngram"  # MariaDB has no such parser
    schema_editor.execute(
        f"ALTER TABLE `knowledge` ADD FULLTEXT INDEX `{INDEX}` (`title`, `content`){parser}"
    )


def remove_seed_index(apps, schema_editor):
    if schema_editor.connection.vendor == "mysql":
        schema_editor.execute(f"ALTER TABLE `knowledge` DROP INDEX `{INDEX}`")


class Migration(migrations.Migration):

    replaces = [
        ('knowledge', '0001_initial'),
        ('knowledge', '0002_full_text'),
        ('knowledge', '0003_memory_settings'),
        ('knowledge', '0004_memory_life'),
        ('knowledge', '0005_documents'),
        ('knowledge', '0006_next_vectors'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0002_webhooks'),
        ('accounts', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Memory',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('type', agi_site.lib.fields.EnumField(choices=[('episodic', 'episodic'), ('semantic', 'semantic'), ('procedural', 'procedural'), ('preference', 'preference')], max_length=10, verbose_name='type')),
                ('content', models.TextField(verbose_name='content')),
                ('importance', models.DecimalField(blank=True, db_default=Decimal('0.50'), db_index=True, decimal_places=2, default=Decimal('0.50'), max_digits=3, null=True, verbose_name='importance')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('last_accessed', models.DateTimeField(blank=True, db_index=True, null=True, verbose_name='last accessed')),
                ('access_count', models.IntegerField(blank=True, db_default=0, default=0, null=True, verbose_name='access count')),
                ('embedding', agi_site.lib.fields.EmbeddingField(blank=True, null=True, verbose_name='embedding')),
                ('embedding_model', models.CharField(blank=True, editable=False, max_length=100, null=True, verbose_name='embedding model')),
                ('metadata', models.JSONField(blank=True, null=True, verbose_name='metadata')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('valid_from', models.DateTimeField(blank=True, null=True, verbose_name='valid from')),
                ('valid_until', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('archived_at', models.DateTimeField(blank=True, null=True, verbose_name='archived at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='memories', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'memory',
                'verbose_name_plural': 'memories',
                'db_table': 'memory',
                'indexes': [models.Index(fields=['user', 'type'], name='memory_user_type_idx'), models.Index(fields=['embedding_model', 'updated_at'], name='memory_vectors_idx'), models.Index(fields=['user', 'archived_at', 'valid_until'], name='memory_user_current_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('type__in', ['episodic', 'semantic', 'procedural', 'preference'])), name='memory_type_enum'), models.CheckConstraint(condition=models.Q(('importance__range', (0, 1))), name='memory_importance_range')],
            },
        ),
        migrations.CreateModel(
            name='MemorySetting',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, primary_key=True, related_name='memory_setting', serialize=False, to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('enabled', models.BooleanField(db_default=True, default=True, verbose_name='memory is on')),
                ('forgotten_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='everything forgotten at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
            ],
            options={
                'verbose_name': 'memory setting',
                'verbose_name_plural': 'memory settings',
                'db_table': 'memory_setting',
            },
        ),
        migrations.CreateModel(
            name='VectorSet',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name='table')),
                ('embedding_model', models.CharField(max_length=100, verbose_name='embedding model')),
                ('next_model', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='next embedding model')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('switched_at', models.DateTimeField(blank=True, null=True, verbose_name='switched at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
            ],
            options={
                'verbose_name': 'set of vectors',
                'verbose_name_plural': 'sets of vectors',
                'db_table': 'vector_set',
            },
        ),
        migrations.CreateModel(
            name='Context',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('data', models.JSONField(verbose_name='data')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='contexts', to='accounts.session', verbose_name='session')),
            ],
            options={
                'verbose_name': 'context',
                'verbose_name_plural': 'contexts',
                'db_table': 'context',
            },
        ),
        migrations.CreateModel(
            name='KnowledgeDocument',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('kind', agi_site.lib.fields.EnumField(choices=[('file', 'file'), ('url', 'web address')], db_default='file', default='file', max_length=4, verbose_name='kind')),
                ('title', models.CharField(max_length=255, verbose_name='title')),
                ('source', models.CharField(max_length=2000, verbose_name='source')),
                ('media_type', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='media type')),
                ('size', models.PositiveBigIntegerField(db_default=0, default=0, verbose_name='bytes')),
                ('sha256', agi_site.lib.fields.ExactCharField(blank=True, max_length=64, null=True, unique=True, verbose_name='SHA-256')),
                ('source_key', agi_site.lib.fields.ExactCharField(max_length=64, verbose_name='source key')),
                ('status', agi_site.lib.fields.EnumField(choices=[('waiting', 'waiting'), ('reading', 'being read'), ('indexing', 'being indexed'), ('ready', 'ready'), ('skipped', 'known already'), ('failed', 'failed')], db_default='waiting', db_index=True, default='waiting', editable=False, max_length=8, verbose_name='status')),
                ('reason_code', models.CharField(blank=True, db_default='', default='', editable=False, max_length=50, verbose_name='reason')),
                ('reason_values', models.JSONField(blank=True, editable=False, null=True, verbose_name="reason's details")),
                ('passage_count', models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='passages')),
                ('done_count', models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='passages done')),
                ('counts', models.JSONField(blank=True, editable=False, null=True, verbose_name='counts')),
                ('shared_passages', models.JSONField(blank=True, editable=False, null=True, verbose_name='passages of others')),
                ('tags', models.JSONField(blank=True, default=list, verbose_name='tags')),
                ('stored', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='stored file')),
                ('rescues', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='rescues')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('read_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last read')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'knowledge document',
                'verbose_name_plural': 'knowledge documents',
                'db_table': 'knowledge_document',
                'indexes': [models.Index(fields=['source_key'], name='knowledge_document_source_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['file', 'url'])), name='knowledge_document_kind_enum'), models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'reading', 'indexing', 'ready', 'skipped', 'failed'])), name='knowledge_document_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='Knowledge',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('title', models.CharField(max_length=255, verbose_name='title')),
                ('content', models.TextField(verbose_name='content')),
                ('source', models.CharField(blank=True, db_index=True, max_length=255, null=True, verbose_name='source')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('embedding', agi_site.lib.fields.EmbeddingField(blank=True, null=True, verbose_name='embedding')),
                ('metadata', models.JSONField(blank=True, null=True, verbose_name='metadata')),
                ('embedding_model', models.CharField(blank=True, editable=False, max_length=100, null=True, verbose_name='embedding model')),
                ('position', models.PositiveIntegerField(blank=True, editable=False, null=True, verbose_name='position')),
                ('content_hash', agi_site.lib.fields.ExactCharField(blank=True, db_index=True, editable=False, max_length=64, null=True, verbose_name='content hash')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('document', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='passages', to='knowledge.knowledgedocument', verbose_name='knowledge document')),
            ],
            options={
                'verbose_name': 'knowledge',
                'verbose_name_plural': 'knowledge',
                'db_table': 'knowledge',
                'indexes': [models.Index(fields=['embedding_model', 'updated_at'], name='knowledge_vectors_idx'), models.Index(fields=['document', 'position'], name='knowledge_document_place_idx')],
            },
        ),
        migrations.CreateModel(
            name='KnowledgeImport',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('total', models.PositiveIntegerField(db_default=0, default=0, verbose_name='documents')),
                ('tags', models.JSONField(blank=True, default=list, verbose_name='tags')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'knowledge import',
                'verbose_name_plural': 'knowledge imports',
                'db_table': 'knowledge_import',
            },
        ),
        migrations.AddField(
            model_name='knowledgedocument',
            name='batch',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='documents', to='knowledge.knowledgeimport', verbose_name='knowledge import'),
        ),
        migrations.CreateModel(
            name='KnowledgeSearch',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('grams', agi_site.lib.fulltext.table.GramsField(verbose_name='grams')),
                ('length', models.PositiveIntegerField(verbose_name='number of terms')),
                ('knowledge', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='search_row', to='knowledge.knowledge', verbose_name='knowledge')),
            ],
            options={
                'verbose_name': 'knowledge search row',
                'verbose_name_plural': 'knowledge search rows',
                'db_table': 'knowledge_search',
            },
        ),
        migrations.CreateModel(
            name='KnowledgeTag',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('tag', models.CharField(db_index=True, max_length=50, verbose_name='tag')),
                ('knowledge', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='tags', to='knowledge.knowledge', verbose_name='knowledge')),
            ],
            options={
                'verbose_name': 'knowledge tag',
                'verbose_name_plural': 'knowledge tags',
                'db_table': 'knowledge_tag',
                'constraints': [models.UniqueConstraint(fields=('knowledge', 'tag'), name='knowledge_tag_knowledge_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='MemoryNextVector',
            fields=[
                ('embedding', agi_site.lib.fields.EmbeddingField(blank=True, null=True, verbose_name='embedding')),
                ('embedding_model', models.CharField(max_length=100, verbose_name='embedding model')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('row', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, primary_key=True, related_name='next_vector', serialize=False, to='knowledge.memory', verbose_name='memory')),
            ],
            options={
                'verbose_name': 'next vector of a memory',
                'verbose_name_plural': 'next vectors of memories',
                'db_table': 'memory_next_vector',
                'abstract': False,
                'indexes': [models.Index(fields=['embedding_model', 'updated_at'], name='memory_next_vectors_idx')],
            },
        ),
        migrations.CreateModel(
            name='MemoryImport',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('status', agi_site.lib.fields.EnumField(choices=[('pending', 'waiting'), ('running', 'running'), ('completed', 'completed'), ('failed', 'failed')], db_default='pending', default='pending', max_length=9, verbose_name='status')),
                ('document', models.BinaryField(blank=True, null=True, verbose_name='file')),
                ('total', models.IntegerField(db_default=0, default=0, verbose_name='memories in the file')),
                ('done', models.IntegerField(db_default=0, default=0, verbose_name='memories looked at')),
                ('report', models.JSONField(blank=True, null=True, verbose_name='what came of it')),
                ('error', models.TextField(blank=True, null=True, verbose_name='error')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='memory_imports', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'import of memories',
                'verbose_name_plural': 'imports of memories',
                'db_table': 'memory_import',
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'completed', 'failed'])), name='memory_import_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='MemoryQuestion',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('answer', agi_site.lib.fields.EnumField(blank=True, choices=[('keep_new', 'keep the newer one'), ('keep_old', 'keep the earlier one'), ('keep_both', 'keep both')], max_length=9, null=True, verbose_name='answer')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
                ('newer', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='questions_as_newer', to='knowledge.memory', verbose_name='newer memory')),
                ('older', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='questions_as_older', to='knowledge.memory', verbose_name='earlier memory')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='memory_questions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'memory question',
                'verbose_name_plural': 'memory questions',
                'db_table': 'memory_question',
                'indexes': [models.Index(fields=['user', 'answer'], name='memory_question_user_idx')],
                'constraints': [models.UniqueConstraint(fields=('newer', 'older'), name='memory_question_pair_unique'), models.CheckConstraint(condition=models.Q(('answer__in', ['keep_new', 'keep_old', 'keep_both'])), name='memory_question_answer_enum')],
            },
        ),
        migrations.CreateModel(
            name='MemoryRefusal',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('type', agi_site.lib.fields.EnumField(choices=[('episodic', 'episodic'), ('semantic', 'semantic'), ('procedural', 'procedural'), ('preference', 'preference')], max_length=10, verbose_name='type')),
                ('content', models.TextField(verbose_name='content')),
                ('reason', agi_site.lib.fields.EnumField(choices=[('empty', 'empty'), ('too_long', 'too long'), ('too_short', 'too short to mean something later'), ('small_talk', 'small talk'), ('question', 'a question'), ('demand', 'a wish for now'), ('restated', 'a prompt in other words'), ('recalled', 'what the assistant itself said or recalled'), ('invented', 'not said in the message'), ('passing', 'true for a moment only'), ('supposed', 'supposed, quoted or played'), ('machine', 'code, a log or other machine text'), ('duplicate', 'remembered already')], max_length=10, verbose_name='reason')),
                ('source_message', models.CharField(blank=True, db_index=True, max_length=36, verbose_name='source message')),
                ('source_conversation', models.CharField(blank=True, max_length=36, verbose_name='source conversation')),
                ('extractor', models.CharField(blank=True, max_length=100, verbose_name='extractor')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('memory', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='refusals', to='knowledge.memory', verbose_name='memory')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='memory_refusals', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'memory refusal',
                'verbose_name_plural': 'memory refusals',
                'db_table': 'memory_refusal',
                'indexes': [models.Index(fields=['user', 'created_at'], name='memory_refusal_user_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('type__in', ['episodic', 'semantic', 'procedural', 'preference'])), name='memory_refusal_type_enum'), models.CheckConstraint(condition=models.Q(('reason__in', ['empty', 'too_long', 'too_short', 'small_talk', 'question', 'demand', 'restated', 'recalled', 'invented', 'passing', 'supposed', 'machine', 'duplicate'])), name='memory_refusal_reason_enum')],
            },
        ),
        migrations.CreateModel(
            name='MemoryRelation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('relation_type', models.CharField(db_index=True, max_length=50, verbose_name='relation type')),
                ('strength', models.DecimalField(blank=True, db_default=Decimal('0.50'), decimal_places=2, default=Decimal('0.50'), max_digits=3, null=True, verbose_name='strength')),
                ('source_memory', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='outgoing_relations', to='knowledge.memory', verbose_name='source memory')),
                ('target_memory', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='incoming_relations', to='knowledge.memory', verbose_name='target memory')),
            ],
            options={
                'verbose_name': 'memory relation',
                'verbose_name_plural': 'memory relations',
                'db_table': 'memory_relation',
                'constraints': [models.UniqueConstraint(fields=('source_memory', 'target_memory', 'relation_type'), name='memory_relation_source_memory_target_memory_relation_type_unique'), models.CheckConstraint(condition=models.Q(('strength__range', (0, 1))), name='memory_relation_strength_range')],
            },
        ),
        migrations.CreateModel(
            name='MemorySearch',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('grams', agi_site.lib.fulltext.table.GramsField(verbose_name='grams')),
                ('length', models.PositiveIntegerField(verbose_name='number of terms')),
                ('memory', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='search_row', to='knowledge.memory', verbose_name='memory')),
            ],
            options={
                'verbose_name': 'memory search row',
                'verbose_name_plural': 'memory search rows',
                'db_table': 'memory_search',
            },
        ),
        migrations.CreateModel(
            name='KnowledgeNextVector',
            fields=[
                ('embedding', agi_site.lib.fields.EmbeddingField(blank=True, null=True, verbose_name='embedding')),
                ('embedding_model', models.CharField(max_length=100, verbose_name='embedding model')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('row', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, primary_key=True, related_name='next_vector', serialize=False, to='knowledge.knowledge', verbose_name='knowledge')),
            ],
            options={
                'verbose_name': 'next vector of knowledge',
                'verbose_name_plural': 'next vectors of knowledge',
                'db_table': 'knowledge_next_vector',
                'abstract': False,
                'indexes': [models.Index(fields=['embedding_model', 'updated_at'], name='knowledge_next_vectors_idx')],
            },
        ),
        migrations.AddIndex(
            model_name='knowledgedocument',
            index=models.Index(fields=['batch', 'status'], name='knowledge_document_batch_idx'),
        ),
        AddFullText('KnowledgeSearch'),
        AddFullText('MemorySearch'),
        migrations.RunPython(add_seed_index, remove_seed_index, atomic=False),
    ]
