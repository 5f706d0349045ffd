"""Simulated people: who they are, and the constants of their circulation (`circulation.py` lets them live).

Sources, by what is taken from them:

- heart rate at rest 70 +/- 10 (women +3): Ostchega et al. 2011 (NHANES); maximum 208 - 0.7 age: Tanaka et al. 2001;
  8 beats a minute more a degree of body temperature: Davies and Maconochie 2009.
- pressure rises with age and bmi, diastolic falls again after 55: Franklin et al. 1997 (Framingham); systolic rises by
  about half a mmHg a beat in dynamic exercise, diastolic hardly: Fletcher et al. 2013.
- stiffness index = height / time between systolic and diastolic peak of the digital volume pulse, 5-14 m/s, rising with
  age and pressure: Millasseau et al. 2002. Late-systolic augmentation with age and pressure: Takazawa et al. 1998.
- RMSSD at rest falls with age: Umetani et al. 1998; respiratory sinus arrhythmia and the 0.1 Hz (Mayer) wave: Task
  Force 1996; both shrink as the rate rises: Grossman and Taylor 2007. Ectopic beats rise with age: Conen et al. 2012.
- respiration 12-20 a minute at rest and its three modulations of a PPG: Charlton et al. 2018.
- haemoglobin by sex: Beutler and Waalen 2006; cholesterol, glucose, HbA1c: population means of NHANES; HbA1c follows
  mean glucose (ADAG, Nathan et al. 2008). PSM-25 stress: Lemyre and Tessier 2003.

Heart rate, respiration rate and SpO2 are fully written into the signal; age, stiffness and pressure shape the wave with
person-to-person noise on every shape parameter, so that they are only partly readable. Glucose, HbA1c, haemoglobin,
cholesterol and stress leave no trace in the wave (a faint one through age and bmi, as in people).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Person:
    """One simulated person, at rest.

    Args:
        age: years. sex: 0 female, 1 male. height: m. bmi: kg/m2. skin_tone: Fitzpatrick type 1-6.
        heart_rate, respiration_rate: 1/min at rest. systolic, diastolic: mmHg at rest. temperature: degrees Celsius.
        spo2, hba1c: per cent. glucose, cholesterol: mmol/L. haemoglobin: g/L. stress: PSM-25 points.
        stiffness: stiffness index of the volume pulse, m/s.
        rsa, mayer, jitter: standard deviation of the inter-beat interval, s, from breathing, the 0.1 Hz wave, chance.
        ectopic: probability that a beat comes early.
        augmentation, reflection, upstroke, timing, breadth: the person's own deviations of wave shape (z-scores).
        perfusion: pulse amplitude of the face relative to the average person's.
    """

    age: float
    sex: int
    height: float
    bmi: float
    skin_tone: int
    heart_rate: float
    respiration_rate: float
    systolic: float
    diastolic: float
    temperature: float
    spo2: float
    glucose: float
    hba1c: float
    haemoglobin: float
    cholesterol: float
    stress: float
    stiffness: float
    rsa: float
    mayer: float
    jitter: float
    ectopic: float
    augmentation: float
    reflection: float
    upstroke: float
    timing: float
    breadth: float
    perfusion: float


def _normal(rng: np.random.Generator, mean: float, deviation: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, deviation), low, high))


def draw_person(rng: np.random.Generator) -> Person:
    """A person out of the population that the module's sources describe."""
    age = float(rng.uniform(18, 80))
    sex = int(rng.integers(2))
    height = _normal(rng, 1.76 if sex else 1.63, 0.07, 1.4, 2.1)
    bmi = _normal(rng, 24.0 + 0.05 * (age - 30), 4.0, 16.0, 50.0)
    temperature = _normal(rng, 36.6, 0.3, 35.2, 38.5)
    resting = 71.0 - 3.0 * sex + 8.0 * (temperature - 36.6)
    systolic = _normal(rng, 115 + 0.5 * (age - 30) + 0.7 * (bmi - 25) + 4.0 * sex, 10.0, 85.0, 210.0)
    diastolic_age = 0.25 * (min(age, 55.0) - 30) - 0.25 * (max(age, 55.0) - 55)
    diastolic = 74 + diastolic_age + 0.4 * (bmi - 25) + 0.25 * (systolic - 120)
    glucose = float(np.clip(np.exp(rng.normal(np.log(5.2) + 0.001 * (age - 45), 0.17)), 3.0, 20.0))
    vagal = float(np.exp(rng.normal(-0.016 * (age - 40), 0.35)))
    return Person(
        age=age,
        sex=sex,
        height=height,
        bmi=bmi,
        skin_tone=int(rng.choice(6, p=(0.10, 0.22, 0.26, 0.18, 0.14, 0.10))) + 1,
        heart_rate=_normal(rng, resting, 9.5, 44.0, 105.0),
        respiration_rate=_normal(rng, 15.5, 3.0, 8.0, 26.0),
        systolic=systolic,
        diastolic=float(np.clip(rng.normal(diastolic, 6.0), 45.0, min(125.0, systolic - 20.0))),
        temperature=temperature,
        spo2=float(np.clip(99.2 - rng.gamma(1.8, 1.2), 82.0, 100.0)),
        glucose=glucose,
        hba1c=_normal(rng, (glucose + 2.59) / 1.59 + 0.5, 0.3, 4.0, 13.0),
        haemoglobin=_normal(rng, 150.0 if sex else 135.0, 10.0, 80.0, 190.0),
        cholesterol=_normal(rng, 5.0 + 0.004 * (age - 45), 1.0, 2.2, 10.0),
        stress=_normal(rng, 95.0, 25.0, 25.0, 195.0),
        stiffness=_normal(rng, 5.2 + 0.062 * (age - 18) + 0.022 * (systolic - 120), 0.9, 4.2, 16.0),
        rsa=0.028 * vagal,
        mayer=float(0.022 * np.exp(rng.normal(-0.008 * (age - 40), 0.3))),
        jitter=float(0.007 * np.exp(rng.normal(0.0, 0.4))),
        ectopic=float(np.clip(np.exp(rng.normal(-8.0 + 0.03 * (age - 20), 1.2)), 0.0, 0.05)),
        augmentation=float(rng.normal()),
        reflection=float(rng.normal()),
        upstroke=float(rng.normal()),
        timing=float(rng.normal()),
        breadth=float(rng.normal()),
        perfusion=float(np.clip(np.exp(rng.normal(0.0, 0.3)), 0.4, 2.2)),
    )
