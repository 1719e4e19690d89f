"""Throwaway: the records of one folder an experiment become records of one folder a seed and fold."""
import json, shutil, sys, os
from dataclasses import asdict, replace, fields
from pathlib import Path
import pandas as pd
from busilib.reports.registry import experiment
from busilib.runs import records as R
from busilib.runs.profiles import load_data, settings_for
from busilib.runs.protocols import make_split
from busilib.runs.spec import spec_of, Spec
from busilib.settings import Settings
BUSI=os.environ['BUSI_DIR']; data={}
def loaded(size):
    if size not in data: data[size]=load_data('laptop',BUSI,0,size)
    return data[size]
old=Path('results/laptop'); new=Path('_build/converted/laptop'); shutil.rmtree(new.parent,ignore_errors=True)
import hashlib
def settings_of(facts):
    e=experiment(facts['experiment']); names={f.name for f in fields(Settings)}
    return replace(settings_for(e,'laptop','none') ,**{k:v for k,v in facts['settings'].items() if k in names})
FACTS={p.name:json.loads((p/'metrics.json').read_text()) for p in sorted(old.iterdir()) if (p/'metrics.json').is_file()}
def spec_for(name,fold):
    f=FACTS[name]; e=experiment(f['experiment']); s=settings_of(f); d=loaded(s.size)
    assert d.fingerprint==f['dataset']['fingerprint'],name
    split=make_split(e,d,'laptop',f['protocol'],fold,f['seed'])
    behind=[]
    if e.members: behind=[spec_for(m,fold)[0].key for m in e.members]
    elif 'predicted' in f['inputs']: behind=[spec_for('r4-unet',k)[0].key for k in range(5)]
    spec=spec_of(e,replace(s,weights=None),d,split,profile='laptop',protocol=f['protocol'],inputs=f['inputs'],fold=fold,seed=f['seed'],behind=behind)
    w=f['weights']
    spec=replace(spec,weights='none' if not e.backbone else w.get('sha256',w['source']))
    today=settings_for(e,'laptop','none')
    if replace(today,frozen=s.frozen)!=replace(s,weights=None): print('settings differ',name,[ (k,v,asdict(s)[k]) for k,v in asdict(today).items() if asdict(s)[k]!=v])
    return spec,split,e
for name,f in FACTS.items():
    p=old/name; folds=[s['fold'] for s in f['split']]
    pred=pd.read_csv(p/'predictions.csv',dtype=str,keep_default_na=False); val=pd.read_csv(p/'validation.csv',dtype=str,keep_default_na=False) if (p/'validation.csv').exists() else None
    hist=pd.read_csv(p/'history.csv',dtype=str,keep_default_na=False); held=(p/'hold_out.csv').read_text() if (p/'hold_out.csv').exists() else None
    rest=f['total_seconds']-f['train_seconds']
    for i,fold in enumerate(folds):
        spec,split,e=spec_for(name,fold)
        assert [len(split.train),len(split.validation),len(split.test),len(split.hold_out)]==[f['split'][i][k] for k in ('train','validation','test','hold_out')]
        h=hist[hist['fold']==str(fold)].drop(columns='fold') if len(hist) else hist.drop(columns='fold',errors='ignore')
        mine=pred[pred['fold']==str(fold)]
        assert sorted(mine['id'])==sorted(loaded(spec.settings.size).ids[split.test]),(name,fold)
        csv=lambda t: t.to_csv(index=False,lineterminator='\n')
        files={'predictions.csv':csv(mine),'history.csv':csv(h)}
        if val is not None: files['validation.csv']=csv(val[val['fold']==str(fold)])
        if held and i==0: files['hold_out.csv']=held
        train=round(h['seconds'].astype(float).sum(),1) if len(h) else f['train_seconds']/len(folds)
        facts={'key':spec.key,'spec':asdict(spec),'dataset':f['dataset'],'split':{k:f['split'][i][k] for k in ('train','validation','test','hold_out','selected_on')},
          'parameters':f['parameters'],'weights':f['weights'],**({'members':f['members'][i]} if 'members' in f else {}),
          'train_seconds':train,'total_seconds':round(train+rest/len(folds),1),'predict_ms_per_image':f.get('predict_ms_per_image'),
          **{k:f[k] for k in ('backend','hardware','versions','commit','date')}}
        if len(folds)>1: facts['note']='Recorded with the other folds at once: commit, hardware, versions, date and milliseconds are those of fold 0, seconds beyond training an equal share.'
        R.write_part(new/spec.record,spec.part,facts,files)
    got=json.loads((new/spec.record/'metrics.json').read_text())
    for part in ('metrics','hold_out_metrics'):
        a,b=f.get(part,{}),got.get(part,{})
        assert set(a)==set(b),(name,part,set(a)^set(b))
        for k in a:
            for q in a[k]:
                x,y=a[k][q],b[k][q]
                if x is None or y is None or abs(x-y)>=1e-8:
                    print('   ',name,part,k,q,x,y); assert q in('low','high')
    print(name,'->',spec.record,len(folds),spec.key, 'train', f['train_seconds'],got['train_seconds'],'total',f['total_seconds'],got['total_seconds'])
